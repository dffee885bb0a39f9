"""A week of work for people to judge: stories played through the gate, or rows where only the numbers matter."""

from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone

from agents.models import Agent, Run, ToolCall
from supportagent.quality import sampling
from supportagent.quality.models import Label, SampledItem, Stratum
from supportagent.staff.models import User
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool
from tests.world import HELD, REFUND_STORY, World

ADD_NOTE = {"name": "tickets__add_internal_note", "arguments": {"body": "Photo was sent", "stated_reason": "keep it"}}


def this_week() -> date:
    return sampling.monday(timezone.now())


def draw_now(**options: Any) -> int:
    """Draw from the week that we are in, as if it were over."""
    return sampling.draw_week(this_week(), now=timezone.now() + timedelta(days=9), **options)


def play_refund(world: World, decide: Any) -> ToolCall:
    """A note by the agent itself, then a refund about which `decide` lets a person decide."""
    turns = REFUND_STORY["turns"]
    world.script([turns[0], {"calls": [ADD_NOTE]}, *turns[1:]])
    ticket = world.write()
    world.advance(ticket)
    decide(ticket.approval_requests.get())
    world.advance(ticket)
    return world.call()


def work(world: World, ticket: Ticket, finished: datetime, *, category: str = "", n: int = 1, **call: Any) -> list[Any]:
    """Rows of runs that answered, without a call, or of one call each: `tool`, `approval_id`, `state`, `code`."""
    if category:
        ticket = Ticket.objects.create(
            number=f"T-{category}", customer=ticket.customer, team=ticket.team, category=category
        )
    usual = {"ticket": ticket, "agent": world.agent, "assurance": "verified", "configuration": {"agent": 7}}
    ended = {"ended_because": "answered", "finished_at": finished} if not call else {"ended_because": "handed_off"}
    runs = Run.objects.bulk_create(Run(**usual, state="COMPLETED", **ended) for _ in range(n))
    if not call:
        return runs
    tool = Tool.objects.get(qualified_name=call.pop("tool"))
    fields = {"name": tool.qualified_name, "tool": tool, "state": "SUCCEEDED", "finished_at": finished, **call}
    return ToolCall.objects.bulk_create(ToolCall(run=run, turn=1, index=0, **fields) for run in runs)


def labelled(
    world: World, people: list[User], verdicts: list[Any], *, population: int, finished: datetime, **stratum: Any
) -> Stratum:
    """A stratum of runs with one item for each of `verdicts`: what its labellers say, "r" and "w" in their order."""
    usual = {"kind": "run", "agent": world.agent, "mode": "autonomous", "category": "other"}
    version, team = stratum.pop("version", 7), stratum.pop("ticket")
    row = Stratum.objects.create(
        week=sampling.monday(finished), population=population, **{**usual, "agent": Agent.objects.get(), **stratum}
    )
    runs = Run.objects.bulk_create(
        Run(ticket=team, agent=world.agent, assurance="verified", state="COMPLETED") for _ in verdicts
    )
    for run, said in zip(runs, verdicts, strict=True):
        item = SampledItem.objects.create(
            stratum=row, run=run, agent_version=version, finished_at=finished, wanted=2, given=len(said)
        )
        Label.objects.bulk_create(
            Label(item=item, by=by, right=word == "r", reason="" if word == "r" else "wrong_action")
            for by, word in zip(people, said, strict=False)
        )
    return row


__all__ = ["HELD", "draw_now", "labelled", "play_refund", "this_week", "work"]
