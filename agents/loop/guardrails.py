"""What goes into a model and what comes out of it, checked by code.

Nothing here is a control over effects (the gate is); these checks keep secrets out of prompts and replies, and
claims out of replies that no record backs.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from agents.models import ToolCall
from agents.providers.base import Item, Said
from supportagent.tickets.errors import TicketError
from supportagent.tickets.models import Customer, Ticket
from supportagent.tickets.text import clean_body

_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_SECRETS = re.compile(
    r"sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CUSTOMER_REFERENCE = re.compile(r"\bCUS-\d+\b")
# Words that make a sentence speak of something that did not (yet) happen.
_NOT_A_CLAIM = re.compile(
    r"\b(?:not|never|cannot|can't|couldn't|hasn't|haven't|wasn't|isn't|won't|will|would|could|may|might|if|once|"
    r"when|as soon as|until|unless|before|after|whether|should|unable|waiting|nothing)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Claim:
    """A kind of effect that a reply may claim, and what must stand behind it."""

    name: str
    words: re.Pattern[str]
    tools: frozenset[str]
    seen: re.Pattern[str] | None = None


CLAIMS = (
    Claim(
        "a refund",
        re.compile(
            r"\b(?:i|we)(?:'ve| have)?(?: just| now| already)? (?:refunded|issued|processed) |"
            r"\brefund\b[^!?\n]{0,60}\b(?:has been|was|is) (?:issued|made|processed|completed|sent|approved)|"
            r"\b(?:has|have) been refunded\b|\bis refunded\b",
            re.IGNORECASE,
        ),
        frozenset({"issue_refund", "cancel_order"}),
        re.compile(r'"refunded_minor": [1-9]|"refunds": \[\{|"refund_id": "'),
    ),
    Claim(
        "a cancellation",
        re.compile(
            r"\b(?:i|we)(?:'ve| have)?(?: just| now| already)? cancelled |"
            r"\border\b[^!?\n]{0,40}\b(?:has been|was|is(?: now)?) cancelled\b",
            re.IGNORECASE,
        ),
        frozenset({"cancel_order"}),
        re.compile(r'"status": "cancelled"'),
    ),
    Claim(
        "a change of account",
        re.compile(
            r"\b(?:i|we)(?:'ve| have)?(?: just| now| already)? (?:updated|changed) (?:your|the) |"
            r"\b(?:e-?mail|address|phone|number|details|account)\b[^!?\n]{0,40}"
            r"\b(?:has|have) been (?:updated|changed)\b",
            re.IGNORECASE,
        ),
        frozenset({"update_account", "update_billing_details"}),
    ),
    Claim(
        "a filed issue",
        re.compile(
            r"\b(?:i|we)(?:'ve| have)?(?: just| now| already)? (?:filed|opened|created|reported) |"
            r"\b(?:issue|ticket)\b[^!?\n]{0,40}\b(?:has been|was) (?:filed|opened|created)\b",
            re.IGNORECASE,
        ),
        frozenset({"create_engineering_issue", "create_ticket"}),
        re.compile(r'"issue_id": "|"number": "'),
    ),
)


@dataclass(frozen=True)
class Verdict:
    """Whether a reply may go to the customer; `problem` says in words why it may not."""

    text: str
    problem: str = ""

    @property
    def passes(self) -> bool:
        return not self.problem


def check_input(items: Iterable[Item]) -> tuple[Item, ...]:
    """Keep card numbers and secrets that a customer typed out of the prompt."""
    return tuple(replace(item, text=masked(item.text)) if isinstance(item, Said) else item for item in items)


def check_output(text: str, *, ticket: Ticket) -> Verdict:
    """Decide whether a final reply may be sent."""
    if not text.strip():
        return Verdict("", "the model gave no answer")
    try:
        text = clean_body(text)
    except TicketError as error:  # nothing visible, or too long: the ticket would not take it
        return Verdict(text, f"the reply cannot be sent: {error}")
    if masked(text) != text:
        return Verdict(text, "the reply holds a card number or a secret")
    if _names_another_customer(text, ticket.customer):
        return Verdict(text, "the reply holds another customer's personal data")
    unbacked = unbacked_claims(text, ToolCall.objects.filter(run__ticket=ticket, state=ToolCall.State.SUCCEEDED))
    if unbacked:
        return Verdict(text, f"the reply claims {', '.join(unbacked)}, and no record backs it")
    return Verdict(text)


def masked(text: str) -> str:
    """Text with card numbers and credentials replaced by a mark."""
    text = _CARD.sub(lambda match: "[card number removed]" if _luhn(match.group()) else match.group(), text)
    return _SECRETS.sub("[secret removed]", text)


def unbacked_claims(text: str, succeeded: Iterable[ToolCall]) -> list[str]:
    """The kinds of effect that the text claims to have happened without a succeeded call or a record that shows it."""
    sentences = [s for s in re.split(r"(?<=[.!?])\s+|\n", text) if not _NOT_A_CLAIM.search(s)]
    claimed = [claim for claim in CLAIMS if any(claim.words.search(sentence) for sentence in sentences)]
    if not claimed:
        return []
    calls = list(succeeded)
    names = {call.name.rpartition("__")[2] for call in calls}
    records = [json.dumps(call.result) for call in calls]
    return [
        claim.name
        for claim in claimed
        if not claim.tools & names and not (claim.seen and any(claim.seen.search(record) for record in records))
    ]


def _names_another_customer(text: str, customer: Customer) -> bool:
    references = set(_CUSTOMER_REFERENCE.findall(text)) - {customer.reference}
    emails = {email.lower() for email in _EMAIL.findall(text)} - {customer.email.lower()}
    if references:
        return True
    return bool(emails) and Customer.objects.filter(email__in=emails).exclude(pk=customer.pk).exists()


def _luhn(candidate: str) -> bool:
    digits = [int(char) for char in candidate if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
