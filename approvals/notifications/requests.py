"""Approval requests as a topic of notices."""

from typing import Any

from django.db.models import QuerySet

from approvals.access import has_right_to_decide, may_decide
from approvals.models import ApprovalRequest, Notice
from approvals.notifications import content, recipients
from approvals.notifications.topics import Content, register
from supportagent.staff.models import User


class ApprovalTopic:
    """A request that waits, goes on to more people or has ended: told to who may decide it."""

    name = Notice.APPROVAL

    def people(self, notice: Notice) -> QuerySet[User]:
        return recipients.people_for(notice)

    def over(self, notice: Notice) -> str:
        request = notice.its_request
        if notice.kind == Notice.Kind.EXPIRED or request.state == ApprovalRequest.State.PENDING:
            return ""
        return f"the request is {request.get_state_display().lower()}"

    def denied(self, notice: Notice, person: User) -> str:
        ask = has_right_to_decide if notice.kind == Notice.Kind.EXPIRED else may_decide
        return "" if ask(person, notice.its_request).allowed else "the person may not decide this any more"

    def content(self, notice: Notice) -> Content:
        return content.content_of(notice)

    def payload(self, notice: Notice) -> tuple[str, dict[str, Any]]:
        return f"approval.{notice.kind}", content.data_of(notice.its_request)

    def reference(self, notice: Notice) -> tuple[str, str]:
        return notice.its_request.reference, content.path_to(notice.its_request)

    def refs(self, notice: Notice) -> tuple[str, list[tuple[str, str]]]:
        return notice.its_request.ticket.number, [("approval", str(notice.request_id))]


register(ApprovalTopic())
