"""What a person may do with a notification."""

from django.db.models.functions import Now

from approvals.models import Delivery
from approvals.notifications.topics import topic_of
from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User


def resend(*, delivery: Delivery, by: User) -> bool:
    """Send a message again that was sent, failed or was dropped, with the same id; False while it waits anyway.

    An endpoint gets it even if there is nothing left to decide or to tell. A person gets it only while there
    is.
    """
    ended = [Delivery.State.SENT, Delivery.State.FAILED, Delivery.State.DROPPED]
    with audit_log.transaction():
        waits = Delivery.objects.filter(pk=delivery.pk, state__in=ended).update(
            state=Delivery.State.WAITING, attempts=0, next_attempt_at=Now(), ended_at=None, insisted=True, problem=""
        )
        if not waits:
            return False
        notice = delivery.notice
        ticket, refs = topic_of(notice).refs(notice)
        to = {"endpoint": delivery.endpoint_id} if delivery.endpoint_id else {"recipient": delivery.recipient_id}
        audit_log.record(
            "approvals.notification.resent",
            actor=Actor.of(by),
            target=("delivery", str(delivery.pk)),
            ticket=ticket,
            refs=refs,
            data={"kind": notice.kind, **to},
        )
    return True
