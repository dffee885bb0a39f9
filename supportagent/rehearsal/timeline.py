"""What happened on a ticket, in order, as the steps of a scenario; what no step can say becomes a comment."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from agents.models import Run, ToolCall
from approvals.models import ApprovalDecision
from audit.models import AuditEntry
from supportagent.rehearsal import ends
from supportagent.rehearsal.conversation import Recorded
from supportagent.rehearsal.scripts import Expected, OrderEnd, StepScript
from supportagent.tickets.models import Draft, Message, Ticket, TriageLabel

SAYS_ITSELF = {  # what is a part of something that is told, or of no meaning for a scenario
    "tickets.ticket.opened",
    "tickets.ticket.handed_over",
    "tickets.ticket.triaged",
    "tickets.ticket.categorised",
    "tickets.event.posted",
    "tickets.draft.saved",
    "tickets.draft.superseded",
    "rehearsal.scenario.exported",
}
ABOUT_PEOPLE = ("tickets.", "approvals.")
ASKED = {
    Run.AskedFor.DRAFT: "asks the agent for a draft",
    Run.AskedFor.LOOK_UP: "asks the agent to look something up",
}
_ACCOUNT = {
    "email": "email",
    "phone": "phone",
    **{f"address.{part}": f"address_{part}" for part in ("line1", "line2", "city", "postcode", "country")},
}
_BILLING = {
    "name": "billing_name",
    "vat_id": "vat_id",
    **{f"address.{part}": f"billing_{part}" for part in ("line1", "line2", "city", "postcode", "country")},
}


class Timeline:
    """The steps, the comments before each of them, and `unsaid`: what the file as a whole does not say."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.steps: list[StepScript] = []
        self.notes: dict[int, list[str]] = defaultdict(list)
        self.unsaid: list[str] = []
        self._entries = list(AuditEntry.objects.filter(ticket=recorded.ticket.number).order_by("seq"))
        self._deciders: dict[str, list[str]] = defaultdict(list)
        ticket = recorded.ticket
        # Whatever an entry may speak of, read once: an entry names it by its id.
        self._drafts = ticket.drafts.in_bulk()
        self._requests = ticket.approval_requests.select_related("tool").in_bulk()
        self._hand_overs = ticket.hand_overs.in_bulk()
        self._runs = {str(pk): run for pk, run in ticket.runs.in_bulk().items()}
        self._labels = TriageLabel.objects.filter(triage__ticket=ticket).select_related("team").in_bulk()
        rejected = ApprovalDecision.objects.filter(request__ticket=ticket, verdict=ApprovalDecision.Verdict.REJECT)
        self._rejections = {decision.request_id: decision for decision in rejected.order_by("pk")}
        self._ended_by_a_step = False
        self._walk()

    def expected(self) -> Expected:
        """The end that was reached, as far as a playing can reach it."""
        ticket, tickets = self.recorded.ticket, [self.recorded.ticket]
        state = ticket.state
        if not self._ended_by_a_step:
            state = Ticket.State.WAITING_CUSTOMER
            self._note(f"In the end it was {ticket.get_state_display().lower()} by itself, as time passed: not played.")
        reasons = ends.hand_overs_of(tickets)
        handed = list(self._hand_overs.values())
        contact = next((each.contact for each in handed if each.contact), "")
        self._note(
            "What an agent says may differ from time to time, so no words of it are demanded: add `says` and "
            "`never_says` yourself, and `never` for tools that must not be called."
        )
        return Expected(
            route=ends.route_of(tickets),
            ticket=str(state),
            category=ticket.category,
            team=ticket.team.slug,
            called=ends.done(tickets),
            approvals=ends.approvals_of(tickets),
            handed_over=reasons[-1] if reasons else "",
            drafts=ends.drafts_of(tickets),
            issues=sum(call.name.endswith("__create_engineering_issue") for call in self.recorded.succeeded()),
            outcome=ticket.outcome if self._ended_by_a_step else "",
            overdue=any(each.overdue_since for each in handed),
            contact=self.recorded.clean(contact),
            order=self._order_ends(),
            account=self._account_end(),
        )

    def _walk(self) -> None:
        calls = iter([*self.recorded.calls, None])
        call = next(calls)
        for place, entry in enumerate(self._entries):
            while call is not None and call.created_at <= entry.at:
                self._tell(call)
                call = next(calls)
            self._turn(entry, place)
        while call is not None:
            self._tell(call)
            call = next(calls)
        self._say_what_is_missing()

    def _turn(self, entry: AuditEntry, place: int) -> None:
        turn = _TURNS.get(entry.action)
        if turn is not None:
            turn(self, entry, place)
        elif entry.action.startswith(ABOUT_PEOPLE) and entry.action not in SAYS_ITSELF:
            self._cannot(entry.action.split(".", 1)[1].replace(".", " ").replace("_", " "), entry.actor_type)

    def _step(self, who: str, what: str, **more: Any) -> None:
        self.steps.append(StepScript(who=who, what=what, **more))

    def _note(self, text: str) -> None:
        self.notes[len(self.steps)].append(text)

    def _cannot(self, what: str, who: str = "somebody") -> None:
        self._note(f"Not played, because a scenario cannot say it: {what} ({who}).")

    def _tell(self, call: ToolCall) -> None:
        """One call as a comment: who, what with, and what came of it."""
        who = call.run.agent.slug if call.run.agent is not None else "a colleague, without an agent,"
        outcome = f"{call.state.lower()} {call.code}".strip()
        self._note(f"{who} calls {call.name.rpartition('__')[2]} {self.recorded.arguments(call)}: {outcome}")

    def _message(self, entry: AuditEntry) -> Message | None:
        return self.recorded.messages.get(int(entry.target_id))

    def _beside(self, place: int, step: int) -> AuditEntry | None:
        """The entry before or after, without the note that a hand-back writes: what was done with one click."""
        place += step
        while 0 <= place < len(self._entries) and self._entries[place].action == "tickets.note.added":
            place += step
        return self._entries[place] if 0 <= place < len(self._entries) else None

    def _received(self, entry: AuditEntry, place: int) -> None:
        message = self._message(entry)
        if message is None or message.kind != Message.Kind.CUSTOMER:
            self._cannot("a message that is in another thread now")
            return
        self._step("customer", self.recorded.clean(message.body), channel=self.recorded.ticket.channel)

    def _posted(self, entry: AuditEntry, place: int) -> None:
        message = self._message(entry)
        following = self._beside(place, 1)
        if message is None or (following is not None and following.action == "tickets.draft.sent"):
            return
        text = self.recorded.clean(message.body)
        if message.kind == Message.Kind.PERSON:
            self._step("person", "replies", text=text)
        else:
            self._note(f"The agent answers: {text}")

    def _draft_sent(self, entry: AuditEntry, place: int) -> None:
        draft = self._drafts[int(entry.target_id)]
        text = self.recorded.clean(draft.sent_body or draft.body)
        if draft.run_id is None:
            self._cannot("the answer was a draft that a colleague had written")
            self._step("person", "replies", text=text)
        elif draft.kind == Draft.Kind.APPROVE and not draft.was_edited:
            self._step("person", "approves the draft")
        else:
            self._step("person", "sends the draft", text=text if draft.was_edited else "")

    def _draft_discarded(self, entry: AuditEntry, place: int) -> None:
        self._step("person", "discards the draft")

    def _asked(self, entry: AuditEntry, place: int) -> None:
        request = self._requests[int(entry.target_id)]
        tool, rule = request.tool.qualified_name.rpartition("__")[2], f"{request.rule_name} v{request.rule_version}"
        self._note(f"{tool} waits for an approval: rule {rule}, tier {request.tier}")

    def _approved(self, entry: AuditEntry, place: int) -> None:
        """The first of two people is played as a supervisor, the second as somebody of finance."""
        before = self._deciders[entry.target_id]
        if entry.actor_id not in before:
            before.append(entry.actor_id)
            self._step("supervisor" if len(before) == 1 else "finance", "approves")

    def _rejected(self, entry: AuditEntry, place: int) -> None:
        rejections = ApprovalDecision.objects.filter(
            request=int(entry.target_id), verdict=ApprovalDecision.Verdict.REJECT
        )
        decision = rejections.latest("pk")
        text = self.recorded.clean(decision.customer_text)
        self._step("supervisor", "rejects", because=decision.reason_code or "other", text=text)

    def _expired(self, entry: AuditEntry, place: int) -> None:
        self._step("time", "the approval expires")

    def _overdue(self, entry: AuditEntry, place: int) -> None:
        self._step("time", "nobody answers in time")

    def _taken_over(self, entry: AuditEntry, place: int) -> None:
        self._step("person", "takes over")

    def _handed_back(self, entry: AuditEntry, place: int) -> None:
        before = self._beside(place, -1)
        if before is not None and before.action == "tickets.triage.labelled":
            label = self._labels[int(before.target_id)]
            self._step("person", "sorts it and gives it back", category=label.category, team=label.team.slug)
            return
        seq = _data(entry)["brief_seq"]
        brief = next((message.body for message in self.recorded.messages.values() if message.seq == seq), "")
        self._step("person", "hands back", text=self.recorded.clean(brief))

    def _labelled(self, entry: AuditEntry, place: int) -> None:
        following = self._beside(place, 1)
        if following is None or following.action != "tickets.ticket.handed_back":
            self._cannot("a person said how it should have been sorted", "user")

    def _note_added(self, entry: AuditEntry, place: int) -> None:
        message = self._message(entry)
        if entry.actor_type == "user" and not (message and message.for_agents):
            self._cannot("an internal note", "user")

    def _contact_left(self, entry: AuditEntry, place: int) -> None:
        contact = self._hand_overs[int(entry.target_id)].contact
        self._step("customer", self.recorded.clean(contact), channel="contact form")

    def _asked_for(self, entry: AuditEntry, place: int) -> None:
        run = self._runs[entry.target_id]
        self._step("person", ASKED[Run.AskedFor(run.asked_for)], text=self.recorded.clean(run.question))

    def _closed(self, entry: AuditEntry, place: int) -> None:
        self._ended_by_a_step = True
        self._step("person", "closes", outcome=_data(entry)["outcome"])

    def _moved(self, entry: AuditEntry, place: int) -> None:
        after = _data(entry)["after"]
        if entry.actor_type == "user" and after == Ticket.State.RESOLVED:
            self._ended_by_a_step = True
            self._step("person", "resolves")
        elif entry.actor_type == "user":
            self._cannot(f"it was set to {after}", "user")

    def _order_ends(self) -> tuple[OrderEnd, ...]:
        """Orders whose money or state moved, by the results of the calls that moved them."""
        found: dict[str, OrderEnd] = {}
        for call in self.recorded.succeeded():
            result = call.result if isinstance(call.result, dict) else {}
            name = self.recorded.names.orders.get(str(result.get("order_id", "")))
            if name and call.tool and call.tool.writes and "refunded_minor" in result:
                status = "cancelled" if result.get("status") == "cancelled" else ""
                refunded = Decimal(int(result["refunded_minor"])) / 100
                found[name] = OrderEnd(name, status=status or getattr(found.get(name), "status", ""), refunded=refunded)
        return tuple(found.values())

    def _account_end(self) -> dict[str, str]:
        account: dict[str, str] = {}
        for call in self.recorded.succeeded():
            columns = {"update_account": _ACCOUNT, "update_billing_details": _BILLING}.get(
                call.name.rpartition("__")[2], {}
            )
            given = _flat(json.loads(self.recorded.arguments(call))) if columns else {}
            account |= {column: given[name] for name, column in columns.items() if name in given}
        return account

    def _say_what_is_missing(self) -> None:
        unseen = self.recorded.unseen_orders()
        if unseen:
            self.unsaid.append(f"Nobody looked at {', '.join(unseen)}, so what is said of it here is invented.")
        if self._hand_overs:
            self.unsaid.append("Whether a team was closed at that hour is not recorded: name it in `closed` if it was.")
        if self.recorded.ticket.reopens_id:
            self.unsaid.append("It went on with an earlier thread, which is not in this file.")


def _data(entry: AuditEntry) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(bytes(entry.leaf))["data"]
    return data


def _flat(data: dict[str, Any], above: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": str(value)}
    return flat


Turn = Callable[[Timeline, AuditEntry, int], None]
_TURNS: dict[str, Turn] = {
    "tickets.message.received": Timeline._received,
    "tickets.reply.posted": Timeline._posted,
    "tickets.draft.sent": Timeline._draft_sent,
    "tickets.draft.discarded": Timeline._draft_discarded,
    "tickets.note.added": Timeline._note_added,
    "tickets.ticket.taken_over": Timeline._taken_over,
    "tickets.ticket.handed_back": Timeline._handed_back,
    "tickets.triage.labelled": Timeline._labelled,
    "tickets.hand_over.contact_left": Timeline._contact_left,
    "tickets.hand_over.overdue": Timeline._overdue,
    "tickets.ticket.closed": Timeline._closed,
    "tickets.ticket.state_changed": Timeline._moved,
    "approvals.request.created": Timeline._asked,
    "approvals.request.seconded": Timeline._approved,
    "approvals.request.approved": Timeline._approved,
    "approvals.request.rejected": Timeline._rejected,
    "approvals.request.expired": Timeline._expired,
    "agents.run.asked_for": Timeline._asked_for,
}
