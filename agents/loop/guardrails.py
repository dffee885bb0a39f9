"""What goes into a model and what comes out of it, checked by code.

Nothing here is a control over effects (the gate is); these checks keep secrets out of prompts and replies, and
claims out of replies that no record backs.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Lower

from agents.loop import claims, disguises, secrets
from agents.loop.prompt import HOUSE
from agents.loop.refusal import CallRefused
from agents.models import Agent, ToolCall
from agents.providers.base import HostNote, Item, ModelReply, RequestedCall, Said, ToolResult
from supportagent.prepared import prepared
from supportagent.tickets.errors import TicketError
from supportagent.tickets.models import Customer, Message, Ticket
from supportagent.tickets.text import clean_body
from supportagent.tools.models import Tool

# What people read who may not know every customer.
_FREE_TEXT = (
    "tickets__add_internal_note",
    "tickets__create_ticket",
    "tickets__draft_reply",
    "tickets__escalate_to_human",
    "tickets__notify_team",
)
# Results that repeat what an agent wrote, and so tell nobody's knowledge but its own.
_REPEATING = (*_FREE_TEXT, "tickets__list_tickets")
MAX_OTHERS = 20  # customers looked at; one of whom nobody spoke is enough
# Where a customer is nobody in particular.
_IMPERSONAL = ("engineering__create_engineering_issue",)
MIN_PERSONAL = 5  # letters and digits; what is shorter, such as a country, is no personal datum by itself
# Results that help an agent to understand, and that no customer reads.
_FOR_STAFF = ("engineering__get_service_logs",)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
MAX_SPLIT_ADDRESSES = 3  # of one text; each may be read in some thousand ways
_CUSTOMER_REFERENCE = re.compile(r"\bCUS-\d+\b", re.IGNORECASE)


SAID_ONLY = "the reply says that it hands off, but no hand-off was made"  # the page of a run shows it as a fault


@dataclass(frozen=True)
class Verdict:
    """Whether a reply may go to the customer; `problem` says in words why it may not."""

    text: str
    problem: str = ""

    @property
    def passes(self) -> bool:
        return not self.problem


def check_input(items: Iterable[Item]) -> tuple[Item, ...]:
    """Keep card numbers and secrets out of the prompt, whoever wrote them."""
    return tuple(_masked(item) for item in items)


def _masked(item: Item) -> Item:
    if isinstance(item, Said | HostNote):
        return replace(item, text=secrets.masked(item.text))
    if isinstance(item, ToolResult):
        return replace(item, content=secrets.masked(item.content))
    return item


def without_secrets(reply: ModelReply) -> ModelReply:
    """The reply as it is kept: what a model must not know is not written down either, nor sent to it again."""
    clean = replace(
        reply,
        text=secrets.removed(reply.text),
        reasoning=secrets.removed(reply.reasoning),
        tool_calls=tuple(
            RequestedCall(call.id, call.name, _without_secrets(call.arguments)) for call in reply.tool_calls
        ),
    )
    return clean if clean == reply else replace(clean, raw=None)


def _without_secrets(arguments: str) -> str:
    plain = disguises.without_escapes(arguments)
    clean = secrets.masked(plain)
    return clean if clean != plain else arguments


def check_output(text: str, *, ticket: Ticket, agent: Agent) -> Verdict:
    """Decide whether a final reply may be sent."""
    if not text.strip():
        return Verdict("", "the model gave no answer")
    try:
        text = clean_body(text)
    except TicketError as error:  # nothing visible, or too long: the ticket would not take it
        return Verdict(text, f"the reply cannot be sent: {error}")
    if secrets.was_masked(text) or secrets.holds_secret(text):
        return Verdict(text, "the reply holds a card number or a secret")
    if _names_another_customer(text, ticket):
        return Verdict(text, "the reply holds another customer's personal data")
    if _quotes_staff(text, ticket, agent):
        return Verdict(text, "the reply quotes what only staff may read")
    unbacked = claims.unbacked(text, _succeeded_calls(ticket))
    if unbacked:
        return Verdict(text, f"the reply claims {', '.join(unbacked)}, and no record backs it")
    if claims.speaks_of_hand_off(text) and not _somebody_else_has_it(ticket):
        return Verdict(text, SAID_ONLY)
    return Verdict(text)


def _somebody_else_has_it(ticket: Ticket) -> bool:
    """Whether a call of this ticket gave somebody else something to do, or waits for them."""
    calls = ToolCall.objects.filter(run__ticket=ticket)
    given = [*claims.HAND_OFF.tools, *(f"tickets__{name}" for name in claims.HAND_OFF.tools)]
    done = calls.filter(state=ToolCall.State.SUCCEEDED, name__in=given)
    return done.exists() or calls.filter(state=ToolCall.State.AWAITING_APPROVAL).exists()


def _names_another_customer(text: str, ticket: Ticket) -> bool:
    """Whether the text names a customer, by reference or e-mail address, of whom this one has not spoken."""
    customer, found = ticket.customer, disguises.readings(text)
    named = {name.upper() for reading in found for name in _CUSTOMER_REFERENCE.findall(reading)} - {customer.reference}
    emails = {email.lower() for reading in found for email in _EMAIL.findall(reading)} - {customer.email.lower()}
    if "@" in text and (emails or not _EMAIL.search(text)):
        emails.update(_split_emails(found[1]))
    if emails:
        others = Customer.objects.annotate(address=Lower("email")).filter(address__in=emails).exclude(pk=customer.pk)
        named.update(others.values_list("address", flat=True)[:MAX_OTHERS])
    return bool(named) and not all(name.lower() in _words_of_customer(ticket) for name in named)


def _words_of_customer(ticket: Ticket) -> str:
    said = ticket.messages.filter(kind=Message.Kind.CUSTOMER).values_list("body", flat=True)
    return "\n".join(said).lower()


def _split_emails(text: str) -> Iterator[str]:
    """What an address with blanks in it may be: nobody knows where it begins and ends."""
    joined = "".join(text.split()).lower()
    for at in [match.start() for match in re.finditer("@", joined)][:MAX_SPLIT_ADDRESSES]:
        name = re.search(r"[\w.+-]{1,40}$", joined[:at])
        host = re.match(r"[\w.-]{4,40}", joined[at + 1 :])
        if name and host:
            ends = [n for n in range(4, len(host[0]) + 1) if "." in host[0][: n - 1]]
            yield from (f"{name[0][start:]}@{host[0][:end]}" for start in range(len(name[0])) for end in ends)


def _quotes_staff(text: str, ticket: Ticket, agent: Agent | None) -> bool:
    """Whether the text takes something from notes, instructions or logs that its customer does not know already."""
    notes, logs = _notes_for_staff(ticket.pk), _results_for_staff(ticket.pk)
    ours = [HOUSE, *((agent.instructions, agent.goal, agent.success_criteria) if agent is not None else ())]
    quoted = secrets.quotes(text, [*ours, *notes, *map(json.dumps, logs)])
    return bool(quoted) and not quoted <= secrets.quotes("\n".join(_known_to_customer(ticket)), quoted)


@prepared
def _notes_for_staff(ticket_id: int) -> QuerySet[Message, str]:
    notes = Message.objects.filter(ticket=ticket_id, kind=Message.Kind.NOTE, for_agents=False)
    return notes.order_by("seq").values_list("body", flat=True)


@prepared
def _results_for_staff(ticket_id: int) -> QuerySet[ToolCall, Any]:
    calls = ToolCall.objects.filter(run__ticket=ticket_id, state=ToolCall.State.SUCCEEDED, name__in=_FOR_STAFF)
    return calls.order_by().values_list("result", flat=True)


def _succeeded_calls(ticket: Ticket) -> Iterator[ToolCall]:
    """Read only by who begins to look at them: most replies claim nothing."""
    yield from _succeeded(ticket.pk)


@prepared
def _succeeded(ticket_id: int) -> QuerySet[ToolCall]:
    return ToolCall.objects.filter(run__ticket=ticket_id, state=ToolCall.State.SUCCEEDED)


def _known_to_customer(ticket: Ticket) -> list[str]:
    """What the customer wrote or was told, and the customer's own records: nothing that a model may have put there."""
    said = ticket.messages.exclude(kind=Message.Kind.NOTE, for_agents=False).values_list("body", flat=True)
    # Not what a colleague looked up: a role that reads more than the customer does not make it the customer's.
    of_agents = _results(ticket).filter(run__caller=None).exclude(name__in=(*_FOR_STAFF, *_REPEATING))
    results = of_agents.values_list("result", flat=True)
    return [*said, *map(json.dumps, results)]


def _results(ticket: Ticket) -> QuerySet[ToolCall]:
    return ToolCall.objects.filter(run__ticket=ticket, state=ToolCall.State.SUCCEEDED)


def check_arguments(call: ToolCall, tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Refuse a call that carries a credential, or tells somebody what they may not know. Raises CallRefused.

    An imported server is as foreign as a customer, and a read tells it something too. What is searched are the texts
    that would be sent, not the JSON they came in: that may spell them in escapes.
    """
    written = "\n".join([*_texts(arguments), *_names_and_numbers(arguments)])
    if secrets.holds_secret(written):
        raise CallRefused("holds_secret", "a card number or a credential stands in the arguments")
    ticket = call.run.ticket
    if tool.imported and _quotes_staff(written, ticket, call.run.agent):
        raise CallRefused("for_staff_only", "leave out what stands in notes, logs and instructions")
    if (tool.imported or tool.qualified_name in _FREE_TEXT) and _names_another_customer(written, ticket):
        raise CallRefused("personal_data", "leave other customers' personal data out")
    if tool.qualified_name in _IMPERSONAL and _holds_personal_data(written, ticket):
        raise CallRefused("personal_data", "leave names, e-mail and postal addresses and phone numbers out")


def _holds_personal_data(text: str, ticket: Ticket) -> bool:
    found = disguises.readings(text)
    if any(_EMAIL.search(reading) or _CUSTOMER_REFERENCE.search(reading) for reading in found):
        return True
    accounts = _results(ticket).filter(name="store__get_customer").values_list("result", flat=True)
    known = [ticket.customer.name, *(value for account in accounts for value in _texts(account))]
    written = "\n".join(map(disguises.bare, found))
    return any(value in written for value in map(disguises.bare, known) if len(value) >= MIN_PERSONAL)


def _texts(value: object) -> Iterator[str]:
    """The texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)


def _names_and_numbers(value: object) -> Iterator[str]:
    """What else can say something in a JSON value: the names of an object's parts, and whole numbers."""
    if type(value) is int:
        yield str(value)
    elif isinstance(value, Mapping | list):
        if isinstance(value, Mapping):
            yield from value
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _names_and_numbers(part)
