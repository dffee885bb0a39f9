"""What audit_verify asks of the tickets: nothing was said in our name, and nothing moved, without an entry."""

from collections.abc import Iterator

from audit.verification import register_state_check
from supportagent.tickets.models import Draft, HandOver, Message, Triage, TriageLabel

Expected = tuple[str, str, str, str]
_ENTRY_OF_KIND = {
    Message.Kind.CUSTOMER: "tickets.message.received",
    Message.Kind.AGENT: "tickets.reply.posted",
    Message.Kind.PERSON: "tickets.reply.posted",
    Message.Kind.EVENT: "tickets.event.posted",
}


def messages() -> Iterator[Expected]:
    rows = Message.objects.exclude(kind=Message.Kind.NOTE).order_by("pk").values_list("pk", "kind")
    for pk, kind in rows.iterator():
        yield f"{kind.lower()} message {pk}", "message", str(pk), _ENTRY_OF_KIND[Message.Kind(kind)]


def hand_overs() -> Iterator[Expected]:
    for pk in HandOver.objects.order_by("pk").values_list("pk", flat=True).iterator():
        yield f"hand-over {pk}", "hand_over", str(pk), "tickets.ticket.handed_over"


def sent_drafts() -> Iterator[Expected]:
    sent = Draft.objects.filter(state=Draft.State.SENT).order_by("pk")
    for pk in sent.values_list("pk", flat=True).iterator():
        yield f"sent draft {pk}", "draft", str(pk), "tickets.draft.sent"


def triages() -> Iterator[Expected]:
    for pk in Triage.objects.order_by("pk").values_list("pk", flat=True).iterator():
        yield f"triage {pk}", "triage", str(pk), "tickets.ticket.triaged"


def triage_labels() -> Iterator[Expected]:
    for pk in TriageLabel.objects.order_by("pk").values_list("pk", flat=True).iterator():
        yield f"label of a triage {pk}", "triage_label", str(pk), "tickets.triage.labelled"


def register() -> None:
    register_state_check("tickets.messages", messages)
    register_state_check("tickets.hand_overs", hand_overs)
    register_state_check("tickets.sent_drafts", sent_drafts)
    register_state_check("tickets.triages", triages)
    register_state_check("tickets.triage_labels", triage_labels)
