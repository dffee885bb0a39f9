"""One turn: which calls are still missing, or what to say.

Every wish runs its skill. A skill that misses a result names the call; all missing calls of all wishes
go out together. When no wish misses anything, their texts are the reply, and at most one hand-over to a
person or hand-off to another agent closes it: what was found out for the customer goes along.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile

from .context import Aim, Moment, understand
from .desk import MAX_ROUNDS, AskCustomer, CallNeeded, CannotHelp, Desk, LoginNeeded, Wanted
from .patterns import Intent
from .phrases import LANGUAGES, is_said, phrase, plain
from .routing import DOMAIN, HAND_OFF, IN_TURN, Elsewhere, send_elsewhere
from .skills import account, knowledge, money, orders, payments, people, technical
from .sorting import sorting, turned_away
from .transcript import Call, Transcript
from .understanding import read

Skill = Callable[[Desk, Moment, Aim], str]
ESCALATE = "tickets__escalate_to_human"
MAX_WISHES = 4
MOST_ASKED = 3  # times for one and the same thing
WAITS = "request_waits"
NOT_MINE = "There is nothing that I can say to this with the tools I have."
AT_WORK = "One moment, please."
IN_ORDER = "Let me take one thing after the other: as soon as that is decided, I see to the rest of your message."
URGENT = frozenset({"customer_asked", "angry_customer"})

SKILLS: dict[Intent, Skill] = {
    Intent.ORDER_STATUS: orders.order_status,
    Intent.REFUND: money.refund,
    Intent.RETURN: money.return_items,
    Intent.EXCHANGE: money.exchange,
    Intent.CANCEL: money.cancel,
    Intent.UNDO_CANCEL: money.undo_cancel,
    Intent.ORDER_ADDRESS: account.change_order_address,
    Intent.ADDRESS: account.change_address,
    Intent.ACCOUNT: account.change_contact,
    Intent.BILLING: account.change_billing,
    Intent.PAYMENT: payments.payment_question,
    Intent.PAYMENT_METHOD: payments.payment_method,
    Intent.INVOICE: payments.invoice,
    Intent.PRODUCT: knowledge.knowledge_question,
    Intent.POLICY: knowledge.knowledge_question,
    Intent.TECHNICAL: technical.technical_fault,
    Intent.COMPLAINT: people.complaint,
    Intent.HUMAN: people.wants_person,
    Intent.OTHER: people.not_understood,
}
SPOKEN_ABROAD = frozenset({Intent.ORDER_STATUS, Intent.REFUND, Intent.HUMAN})
"""Wishes that are answered in every language of `phrases`; the others are handed over there."""

RESULTS: dict[str, Callable[[Desk, Call, str], str]] = {
    money.REFUND: money.refund_result,
    money.CANCEL: lambda desk, call, language: money.cancel_result(call),
    account.UPDATE: lambda desk, call, language: account.update_result(call),
    account.UPDATE_BILLING: lambda desk, call, language: account.update_result(call),
}


@dataclass(frozen=True)
class Step:
    """What to do in this turn: ask for `calls`, or say `text`. `thought` is the one-line reasoning."""

    thought: str
    calls: tuple[Wanted, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class _Part:
    text: str = ""
    asks: bool = False
    person: CannotHelp | None = None
    elsewhere: Elsewhere | None = None
    about: Intent | None = None
    missing: tuple[Wanted, ...] = ()


def plan(transcript: Transcript, desk: Desk) -> Step:
    """Decide the next step of the conversation. Never more than `MAX_ROUNDS` rounds of calls per message."""
    moment = understand(transcript)
    thought = _thought(transcript, moment)
    if turned_away(desk):
        return Step(thought, text=phrase("handed_over", moment.language))
    parts = [*_outcomes(transcript, desk, moment), *_wishes(transcript, desk, moment)]
    missing = [*sorting(transcript, desk, moment), *(call for part in parts for call in part.missing)]
    if missing and transcript.rounds >= MAX_ROUNDS:
        parts, missing = [*parts, _Part(person=CannotHelp("cannot_resolve", "it took too many steps"))], []
    if missing:
        return Step(thought, calls=_distinct(missing))
    return _close(desk, moment, [_not_again(part, transcript, moment) for part in parts], thought)


def _outcomes(transcript: Transcript, desk: Desk, moment: Moment) -> list[_Part]:
    """News about requests that a person has decided."""
    parts = [_attempt(_outcome, desk, call, moment.language) for call in transcript.ended]
    if transcript.astray:
        parts.append(_Part(person=CannotHelp("cannot_resolve", f"{transcript.astray[0]} did not do what was intended")))
    return parts


def _outcome(desk: Desk, call: Call, language: str) -> str:
    """How a held request ended. What the person who decided has to say stands before our offer to go on."""
    tell = RESULTS.get(call.tool)
    if tell is None or call.outcome is None:
        raise CannotHelp("cannot_resolve", f"{call.tool} ended, which no answer is prepared for")
    text = tell(desk, call, language)
    if call.done:
        return text
    late = "Nobody could decide in time. " if call.outcome.state == "expired" and language == "en" else ""
    offer = phrase("offer_person", language)
    before, _, _ = text.partition(offer)
    return " ".join(part for part in (late + before.strip(), plain(call.outcome.words, 500), offer) if part)


def _wishes(transcript: Transcript, desk: Desk, moment: Moment) -> list[_Part]:
    if not transcript.new:
        if transcript.ended or transcript.astray:
            return _left_for_later(transcript, desk, moment)
        return [_Part(person=CannotHelp("cannot_resolve", "there is nothing new to answer"))]
    if moment.language not in LANGUAGES:
        return [_Part(person=CannotHelp("cannot_resolve", "the customer writes in a language not covered here"))]
    if not moment.aims:
        return [_attempt(people.small_talk, moment)]
    # A person who takes over decides what becomes of everything else, so nothing else is set going.
    person = [aim for aim in moment.aims if aim.intent is Intent.HUMAN]
    return [_wish(transcript, desk, moment, aim) for aim in person or moment.aims[:MAX_WISHES]]


def _wish(transcript: Transcript, desk: Desk, moment: Moment, aim: Aim) -> _Part:
    """What to say to one wish. What the agent before us found out is said as it is, unless we can look ourselves."""
    part = replace(_attempt(_handle, desk, moment, aim), about=aim.intent)
    told = transcript.answered.get(aim.intent.value, "")
    if told and (part.elsewhere or part.person):
        return _Part(text=told, about=aim.intent)
    return part


def _left_for_later(transcript: Transcript, desk: Desk, moment: Moment) -> list[_Part]:
    """What we said we would see to once a request is decided: the wishes of that message that belong to others."""
    if not any(IN_ORDER in words for words in transcript.mine):
        return []
    for text in reversed(transcript.earlier):
        aims = [Aim(wish.intent, wish.text) for wish in read(text).wishes]
        parts = [_attempt(_handle, desk, moment, aim) for aim in aims if aim.intent in DOMAIN]
        parts = [part for part in parts if part.elsewhere or part.missing]
        if parts:
            return parts
    return []


def _handle(desk: Desk, moment: Moment, aim: Aim) -> str:
    if moment.language != "en" and aim.intent not in SPOKEN_ABROAD:
        raise CannotHelp("cannot_resolve", f"{aim.intent.value} asked in {moment.language}")
    if moment.reading.threat and aim.intent is not Intent.HUMAN:
        raise CannotHelp("angry_customer", f"{aim.intent.value}, with a threat of legal or public steps")
    send_elsewhere(desk, moment, aim)
    return SKILLS[aim.intent](desk, moment, aim)


def _attempt(skill: Callable[..., str], *given: object) -> _Part:
    """Run a skill as far as the facts reach."""
    try:
        return _Part(text=skill(*given))
    except CallNeeded as needed:
        return _Part(missing=needed.wanted)
    except AskCustomer as missing:
        return _Part(text=missing.question, asks=True)
    except CannotHelp as limit:
        return _Part(text=limit.words, person=limit)
    except Elsewhere as other:
        return _Part(elsewhere=other)
    except LoginNeeded:
        return _Part(text=LOGIN)


def _not_again(part: _Part, transcript: Transcript, moment: Moment) -> _Part:
    """A question that the customer has just read is asked with other words, and not for ever: most take "which
    order" for a question about who they are, or believe that a number is needed. Then a person has to help."""
    before = takewhile(lambda words: part.text in words, reversed(transcript.ours))
    asked = len(list(before)) if part.asks else 0
    no_answer = moment.reading.identity or moment.reading.no_number
    if not asked or moment.language != "en":
        return part if asked < MOST_ASKED else _Part(text=part.text, person=people.unclear())
    if asked >= MOST_ASKED or (asked > 1 and not no_answer):
        return _Part(text=people.UNCLEAR, person=people.unclear())
    if not is_said("which_order", part.text):
        return part
    return replace(part, text=f"{people.KNOWN if moment.reading.identity else people.NO_NUMBER_NEEDED} {part.text}")


LOGIN = "\0log-in"
"""Stands for the log-in request until the reply is put together, where it is said once."""


def _close(desk: Desk, moment: Moment, parts: list[_Part], thought: str) -> Step:
    """Put the reply together; hand over, or off, first if a part needs somebody else."""
    texts = [phrase("log_in", moment.language) if part.text == LOGIN else part.text for part in parts]
    body = "\n\n".join(dict.fromkeys(text for text in texts if text))
    person = next((part.person for part in parts if part.person), None)
    waiting = [call.reference for call in desk.transcript.calls if call.waiting]
    elsewhere = min(
        (part.elsewhere for part in parts if part.elsewhere), key=lambda e: IN_TURN.index(e.to), default=None
    )
    if desk.transcript.assists:
        return Step(thought, text=body or NOT_MINE)
    if person is None and elsewhere is not None and not waiting:
        try:
            call = _hand_off(desk, elsewhere, parts)
        except CallNeeded as needed:
            return Step(f"{thought}; hands off to {elsewhere.to}", calls=needed.wanted)
        if not call.error:
            return Step(thought, text=people.with_manners(moment, body) or AT_WORK)
        if call.error != WAITS:
            person = CannotHelp("cannot_resolve", f"{elsewhere}, which could not take it: {call.error}")
            parts = [*parts, _Part(person=person)]
    if person is None:
        rest = IN_ORDER if elsewhere is not None and moment.language == "en" else ""
        return Step(thought, text=people.with_manners(moment, "\n\n".join(part for part in (body, rest) if part)))
    if waiting and person.code not in URGENT and desk.offers(ESCALATE):
        # A hand-over withdraws what waits for approval: the customer decides whether it is worth that.
        offer = phrase("offer_person", moment.language)
        if moment.language == "en":
            offer = people.WOULD_WITHDRAW.format(references=" and ".join(dict.fromkeys(waiting))) + offer
        return Step(thought, text=people.with_manners(moment, f"{body}\n\n{offer}" if body else offer))
    if desk.offers(ESCALATE):
        try:
            call = desk.request_anew(ESCALATE, person.why, reason_code=person.code, summary=_summary(moment, parts))
        except CallNeeded as needed:
            return Step(f"{thought}; hands over: {person.why}", calls=needed.wanted)
        handed = phrase("handed_over" if call.done else "person_needed", moment.language)
    else:
        handed = phrase("person_needed", moment.language)
    return Step(thought, text=people.with_manners(moment, f"{body}\n\n{handed}" if body else handed))


def _hand_off(desk: Desk, elsewhere: Elsewhere, parts: list[_Part]) -> Call:
    """Ask for the hand-off. The answered wishes stand in the summary, for the next agent to tell them together."""
    wants = [part.elsewhere.intent.value for part in parts if part.elsewhere]
    lines = [f"The customer wants: {', '.join(dict.fromkeys(wants)).replace('_', ' ')}."]
    lines += [f"Answered ({part.about or 'request'}): {plain(part.text, 600)}" for part in parts if _is_news(part)]
    return desk.request_anew(
        HAND_OFF,
        str(elsewhere),
        to=elsewhere.to,
        reason=f"{elsewhere.intent.value.replace('_', ' ')} is for {elsewhere.to}",
        summary="\n".join(lines),
    )


def _is_news(part: _Part) -> bool:
    return bool(part.text) and part.text != LOGIN and not part.asks


def _summary(moment: Moment, parts: list[_Part]) -> str:
    """What a colleague needs: the wish in the customer's words, why the agent stopped, what was already said."""
    lines = [f"Customer: {plain(moment.reading.text, 400)}" if moment.reading.text else "No new customer message."]
    lines += [f"Why: {part.person.why}." for part in parts if part.person]
    lines += [f"Also wanted: {part.elsewhere.intent.value}." for part in parts if part.elsewhere]
    lines += [f"Found: {plain(part.text, 300)}" for part in parts if part.text and part.text != LOGIN]
    if moment.reading.injected:
        lines.append("The message tried to instruct the agent; that part was ignored.")
    return "\n".join(lines)


def _distinct(calls: list[Wanted]) -> tuple[Wanted, ...]:
    seen: list[Wanted] = []
    for call in calls:
        if not any(call.tool == other.tool and call.arguments == other.arguments for other in seen):
            seen.append(call)
    return tuple(seen)


def _thought(transcript: Transcript, moment: Moment) -> str:
    if transcript.ended:
        return f"A request was decided ({', '.join(call.reference for call in transcript.ended)}): tell the customer."
    wishes = ", ".join(aim.intent.value for aim in moment.aims) or "small talk"
    return f"The customer's message is about: {wishes}."
