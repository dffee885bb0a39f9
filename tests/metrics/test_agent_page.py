"""An agent's own page: its versions side by side, its evidence, and what it costs."""

import re
from datetime import timedelta
from html import unescape

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.costs import interactions
from agents.models import Agent, CostAlert, Interaction
from supportagent.staff.models import User
from supportagent.tickets.models import Draft
from tests.metrics.month import END, NOW
from tests.metrics.test_dashboard import SPAN, Reader, drawn, figure
from tests.world import World


def read(client: Client, person: User, agent: Agent, query: str = SPAN, status: int = 200) -> str:
    client.force_login(person)
    answer = client.get(f"/console/agents/{agent.slug}/{query}")
    assert answer.status_code == status
    return answer.content.decode()


def versions(page: str) -> list[list[str]]:
    """The cells of the table of versions, without tags."""
    body = page.partition('data-testid="versions"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    rows = body.split("<tr")[1:]
    return [
        [" ".join(unescape(re.sub("<[^>]*>", " ", f"<{cell}")).split()) for cell in row.split("<t")[1:]] for row in rows
    ]


def change(world: World, **values: object) -> int:
    """The admin changes the agent; the history id of the new version."""
    agent = Agent.objects.get(pk=world.agent.pk)
    for name, value in values.items():
        setattr(agent, name, value)
    agent._history_user = world.admin  # type: ignore[attr-defined]
    agent.save()
    newest: int = agent.history.order_by("-history_id").first().history_id
    return newest


def two_versions(world: World) -> tuple[int, int]:
    """Ten conversations belong to the version of before, the other twelve to the one of now."""
    old = world.agent.history.order_by("history_id").first().history_id
    new = change(world, model="gpt-5", instructions="Be brief. " * 20)
    ours = list(
        Interaction.objects.filter(agent=world.agent, ended_at__gte=END).order_by("pk").values_list("pk", flat=True)
    )
    Interaction.objects.filter(pk__in=ours).update(agent_version=new)
    Interaction.objects.filter(pk__in=ours[:10]).update(agent_version=old)
    return old, new


def test_versions_stand_side_by_side_with_who_changed_what(month: World, client: Client) -> None:
    old, new = two_versions(month)
    first, *_, last = found = versions(read(client, month.admin, month.agent))
    assert len(found) == month.agent.history.count()
    assert first[0].startswith(f"#{new}, ") and last[0].startswith(f"#{old}, ")
    assert "now" in first[0] and re.search(r"Instructions changed; Model: \S+ → gpt-5", first[0])
    # Ten by agents alone, of which the first was opened again and the last is not settled: 8 of 9.
    assert last[1].startswith("10 ") and last[2].startswith("89 % ") and "n = 9" in last[2]
    # None of the other twelve was resolved by agents alone; two drafts were decided about, too few to say.
    assert first[1].startswith("12 ") and first[2].startswith("0 % ")
    assert first[3] == "not enough data n = 2" and first[-1].startswith("1.")
    Draft.objects.update(sent_body="It is.", edit_distance=0)
    for ticket in Interaction.objects.filter(agent_version=new)[:5]:
        Draft.objects.create(
            ticket=ticket.ticket,
            author=month.agent.service_user,
            kind="draft",
            state="SENT",
            body="a",
            sent_body="a",
            decided_at=END,
        )
    assert versions(read(client, month.admin, month.agent))[0][3].startswith("100 % ")


def test_the_page_has_the_figures_of_the_agent_its_evidence_and_what_it_costs(month: World, client: Client) -> None:
    figures = {"rule": "mean", "minutes": 60, "spent": 9_000_000, "usual": 1_000_000, "weeks": 0}
    CostAlert.objects.create(kind="spike", agent=month.agent, key="x", first_at=END, last_at=END, figures=figures)
    Draft.objects.update(decided_at=NOW - timedelta(days=1), category="order_status")
    page = read(client, month.ana, month.agent)
    assert Reader(page).figures["ended"] == 22
    assert figure(page, "resolution").startswith("38 %")
    assert "Order status" in page.partition('data-testid="evidence"')[2].partition("</table>")[0]
    assert 'data-testid="spike"' in page and 'id="budget-' in page and "Organisation" not in page
    assert page.partition('data-testid="runs"')[2].count("/console/runs/") == 10
    assert f"/console/agents/{month.agent.slug}/" in client.get("/console/agents/").content.decode()
    assert "Choose 7 days, 28 days, 90 days" in read(client, month.ana, month.agent, "?period=x", 422)
    drawn(month)
    assert "would lead you" in read(client, month.ana, month.agent)


def test_an_agent_of_another_team_is_not_there(month: World, client: Client) -> None:
    read(client, month.piet, month.agent, status=404)
    read(client, month.rosa, month.agent, status=403)
    assert f"/console/agents/{month.agent.slug}/" not in client.get("/console/agents/").content.decode()


def test_statements_grow_neither_with_versions_nor_with_rows(month: World, client: Client) -> None:
    client.force_login(month.ana)

    def statements() -> int:
        interactions.rebuild()
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/console/agents/{month.agent.slug}/{SPAN}").status_code == 200
        return len(queries)

    statements()
    before = statements()
    for number in range(5):
        change(month, max_turns=20 + number)
    two_versions(month)
    assert statements() == before <= 115
