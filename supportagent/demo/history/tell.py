"""One conversation from its first words to its end: messages, runs, what people did, and how it was rated."""

from datetime import datetime, timedelta

from agents.models import ModelCall, Run
from supportagent.demo.history import words
from supportagent.demo.history.book import Book
from supportagent.demo.history.deciding import Outcome, propose
from supportagent.demo.history.house import House
from supportagent.demo.history.plan import Conversation
from supportagent.demo.history.stories import COMMENTS, Ending
from supportagent.demo.history.work import Wanted, Work
from supportagent.staff.models import User
from supportagent.tickets.models import (
    Draft,
    HandOver,
    Message,
    Rating,
    Ticket,
    Triage,
    TriageLabel,
    WorkPeriod,
)

Kind, Said = Message.Kind, Ticket.Outcome
SILENCE = timedelta(hours=72)
MINUTE = timedelta(minutes=1)
ESCALATE, TRIAGE = "tickets__escalate_to_human", "tickets__triage_ticket"
_WITHOUT_ACTION = (Ending.HANDED, Ending.GIVEN_UP, Ending.REDRAFTED)


class Telling:
    """Adds the rows of one conversation to the book."""

    def __init__(self, book: Book, house: House, it: Conversation, earlier: Ticket | None) -> None:
        self._book, self._house, self._it = book, house, it
        self.ticket = book.add(self._open(earlier))
        self.person = house.person_for(it.story.team)
        first = it.fill(it.chance.choice(it.story.asks))
        self._asked = self._say(Kind.CUSTOMER, first, it.at, client_message_id=f"history-{it.index:04d}")

    def tell(self) -> Ticket:
        if self._it.ending == Ending.BY_PERSON:
            self._person_answers(self._it.at + self._later(8, 90), Said.BY_PERSON, self._it.story.minutes)
        else:
            self._agents_work()
        self._rate()
        return self.ticket

    def _open(self, earlier: Ticket | None) -> Ticket:
        it, story = self._it, self._it.story
        unhappy = it.ending in (Ending.GIVEN_UP, Ending.EXPIRED) or story.category == "complaint"
        return Ticket(
            customer=self._house.customers[it.customer.reference],
            team=self._house.teams[story.team],
            subject=it.fill(story.subject),
            category=story.category,
            language=story.language,
            sentiment=Ticket.Sentiment.UNHAPPY if unhappy else Ticket.Sentiment.CALM,
            priority=Ticket.Priority.HIGH if unhappy or it.is_spike else Ticket.Priority.NORMAL,
            channel=Ticket.Channel.EMAIL if it.chance.random() < 0.24 else Ticket.Channel.WIDGET,
            assurance=Ticket.Assurance.VERIFIED,
            reopens=earlier,
            created_at=it.at,
        )

    def _agents_work(self) -> None:
        it, story = self._it, self._it.story
        work = self._sorted()
        if story.agent != "triage":
            work = work.hand_off(story.agent, self._asked)
        reads = [self._read(name, work.agent.slug) for name in story.reads]
        for _ in range(5 if it.is_spike else 1):
            if reads:
                work.turn(*reads)
        if story.write and it.ending not in _WITHOUT_ACTION:
            self._with_approval(work)
        elif it.ending in (Ending.HANDED, Ending.GIVEN_UP):
            self._hand_over(work, "technical" if story.team == "technical" else "cannot_resolve")
        elif it.ending in (Ending.DRAFTED, Ending.REDRAFTED):
            self._draft(work)
        else:
            self._answer(work, it.fill(story.answer))

    def _sorted(self) -> Work:
        """The front desk's first turn, and what a person said later about how it sorted the request."""
        it, story, ticket = self._it, self._it.story, self.ticket
        work = Work(self._book, self._house, it, ticket, "triage", it.at + timedelta(seconds=1))
        confidence = it.chance.randrange(62, 82) if it.taken_for != story.category else it.chance.randrange(78, 99)
        sorted_as = {"priority": ticket.priority, "language": story.language, "sentiment": ticket.sentiment}
        arguments = {"category": it.taken_for, "team": story.team, "confidence": confidence, **sorted_as}
        work.turn(Wanted(TRIAGE, arguments, {"category": it.taken_for, "sure": True}))
        triage = self._book.add(
            Triage(ticket=ticket, run_id=work.run.pk, author=work.agent.service_user, category=it.taken_for,
                   team=ticket.team, reason="By what the customer wrote.", confidence=confidence,
                   threshold=work.agent.min_confidence, created_at=work.clock, **sorted_as)
        )  # fmt: skip
        if it.chance.random() < 0.7:
            at = work.clock + self._later(60, 240)
            self._book.add(
                TriageLabel(triage=triage, by=self._house.people["supervisor"], category=story.category,
                            team=ticket.team, created_at=at, updated_at=at, **sorted_as)
            )  # fmt: skip
        return work

    def _read(self, name: str, slug: str) -> Wanted:
        it = self._it
        if name == "knowledge__search_articles":
            return Wanted(name, {"query": it.fill(it.story.subject)}, {"articles": []})
        if name == "engineering__get_service_logs":
            return Wanted(name, {"service": "checkout-api" if it.is_spike else "brew-sync", "hours": 24}, {"lines": []})
        if name == "store__get_customer":
            return Wanted(name, {}, {"reference": it.customer.reference})
        return Wanted(name, {"order_id": it.order}, {"order_id": it.order, "currency": "EUR"})

    def _with_approval(self, work: Work) -> None:
        it, story = self._it, self._it.story
        outcome = propose(self._book, self._house, it, work)
        if outcome == Outcome.DONE:
            self._answer(work, it.fill(story.answer))
        elif outcome == Outcome.DECLINED:
            self._answer(work, it.fill(words.DECLINED[story.language]))
        else:
            self._hand_over(work, "out_of_policy")

    def _answer(self, work: Work, text: str) -> None:
        """What the agent says is the last word: the thread falls silent, or a colleague closes what is too recent."""
        work.turn(text=text, fate=ModelCall.Fate.SENT)
        self._say(Kind.AGENT, text, work.clock, by=work)
        work.run.message_seq = self._asked.seq
        work.end(Run.State.COMPLETED, "answered", "Answered the customer")
        is_silent = work.clock + SILENCE < self._house.now
        self._close(work.clock if is_silent else work.clock + 4 * MINUTE, Said.BY_AI, is_silent=is_silent)

    def _draft(self, work: Work) -> None:
        it = self._it
        text = it.fill(it.story.answer)
        work.turn(text=text, fate=ModelCall.Fate.DRAFTED)
        work.end(Run.State.COMPLETED, "drafted", "Drafted an answer for a person to send")
        sent, at = text, work.clock + self._later(3, 60)
        if it.ending == Ending.REDRAFTED:
            sent = f"{text} {words.MORE[it.story.language]}"
            self._work_on(at, 3)
        self._book.add(
            Draft(ticket=self.ticket, body=text, run_id=work.run.pk, author=work.agent.service_user,
                  kind=Draft.Kind.DRAFT, category=it.story.category, state=Draft.State.SENT, sent_body=sent,
                  edit_distance=len(sent) - len(text), decided_by=self.person, decided_at=at, created_at=work.clock)
        )  # fmt: skip
        self._say(Kind.PERSON, sent, at, person=self.person)
        self._close(at + MINUTE, Said.WITH_HELP)

    def _hand_over(self, work: Work, reason: str) -> None:
        """The agent gives it to the people of the team, who end it."""
        it, ticket = self._it, self.ticket
        summary = it.fill(words.SUMMARY)
        work.turn(Wanted(ESCALATE, {"reason_code": reason, "summary": summary}, {"handed_over": True}))
        work.event("human", "Handed over to a person", reason=reason, summary=summary)
        work.end(Run.State.HANDED_OVER, reason, "A person goes on")
        self._say(Kind.EVENT, words.HANDED_OVER[it.story.language], work.clock)
        at = work.clock + self._later(10, 150)
        outcome = Said.NOT_RESOLVED if it.ending == Ending.GIVEN_UP else Said.BY_PERSON
        hand_over = HandOver(
            ticket=ticket,
            reason_code=reason,
            summary=summary,
            run_id=work.run.pk,
            created_by_type="agent",
            created_by_id=str(work.agent.service_user_id),
            created_at=work.clock,
            suggested_for=self.person,
            due_at=work.clock + 120 * MINUTE,
            closed_by=self.person,
        )
        self._person_answers(at, outcome, max(it.story.minutes * 0.7, 3))
        hand_over.answered_at, hand_over.closed_at = at, ticket.resolved_at
        self._book.add(hand_over)

    def _person_answers(self, at: datetime, outcome: str, minutes: float) -> None:
        text = words.SORRY if outcome == Said.NOT_RESOLVED else words.PERSON[self._it.story.language]
        self._work_on(at, minutes)
        self._say(Kind.PERSON, self._it.fill(text), at, person=self.person)
        self._close(at + 2 * MINUTE, outcome)

    def _work_on(self, until: datetime, minutes: float) -> None:
        seconds = int(60 * minutes * self._it.chance.uniform(0.6, 1.5))
        start, end = until - timedelta(seconds=min(seconds, 480)), until + timedelta(seconds=max(seconds - 480, 30))
        self._book.add(
            WorkPeriod(ticket=self.ticket, user=self.person, started_at=start, seen_at=end, ended_at=end,
                       seconds=seconds)
        )  # fmt: skip

    def _close(self, at: datetime, outcome: str, *, is_silent: bool = False) -> None:
        ticket = self.ticket
        ticket.outcome, ticket.resolved_at, ticket.updated_at = outcome, at, at
        ticket.state = Ticket.State.RESOLVED if is_silent else Ticket.State.CLOSED

    def _rate(self) -> None:
        it, ended_at = self._it, self.ticket.resolved_at
        assert ended_at is not None  # noqa: S101 - every telling ends
        if not it.score:
            return
        at = ended_at + self._later(2, 50)
        comment = it.chance.choice(COMMENTS[it.score]) if it.chance.random() < 0.35 else ""
        rating = self._book.add(Rating(ticket=self.ticket, score=it.score, comment=comment, created_at=at))
        if rating.is_low and self._house.now - at > timedelta(days=3):
            rating.cared_by, rating.cared_at = self._house.people["supervisor"], at + timedelta(hours=20)
            rating.care_note = "Wrote to the customer and apologised."

    def _say(
        self,
        kind: str,
        text: str,
        at: datetime,
        *,
        by: Work | None = None,
        person: User | None = None,
        client_message_id: str = "",
    ) -> Message:
        self.ticket.last_seq += 1
        author = ("system", "seed", "")
        if by is not None:
            author = ("agent", str(by.agent.service_user_id), by.agent.name)
        elif person is not None:
            author = ("user", str(person.pk), person.display_name)
        elif kind == Kind.CUSTOMER:
            author = ("customer", self.ticket.customer.reference, self.ticket.customer.name)
        return self._book.add(
            Message(ticket=self.ticket, seq=self.ticket.last_seq, kind=kind, body=text, author_type=author[0],
                    author_id=author[1], author_name=author[2], client_message_id=client_message_id,
                    run_id=by.run.pk if by else None, created_at=at)
        )  # fmt: skip

    def _later(self, least: int, most: int) -> timedelta:
        """Minutes until somebody has the time: mostly few, sometimes many."""
        spread = self._it.chance.random() ** 2
        return timedelta(seconds=60 * least + int(60 * (most - least) * spread))
