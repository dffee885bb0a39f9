"""Two versions of an agent on the same scenarios, and what of it decides who puts the newer one in force."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from agents.models import Agent, Comparison, Run
from agents.versions import KEPT
from audit.models import AuditEntry
from supportagent.changes.models import ProposedChange
from supportagent.demo.rehearsal import scripts
from supportagent.demo.rehearsal.scripts import FOLDER
from supportagent.rehearsal.comparing import Totals, exact_mcnemar, worse_because
from supportagent.rehearsal.scripts import read
from supportagent.staff.models import User
from tests.changes.admins import Admin, nothing_proposed, page, proposed
from tests.scenarios.moody import GIVE_UP

PLAYED = ("status_of_a_shipped_order", "asks_for_a_person")


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A suite of two, played by a model that does as its agent is told."""
    settings.MODEL_PROVIDERS = {**settings.MODEL_PROVIDERS, "offline": "tests.scenarios.moody.Moody"}
    settings.DEFAULT_MODEL_PROVIDER, settings.DEFAULT_MODEL = "offline", "offline-demo"
    chosen = [read(FOLDER / f"{name}.toml") for name in PLAYED]
    monkeypatch.setattr(scripts, "read_all", lambda: chosen)


def admin(username: str) -> Admin:
    user, client = User.objects.get(username=username), Client()
    client.force_login(user)
    return Admin(user, client)


def triage() -> Agent:
    return Agent.objects.get(slug="triage")


def compare(*arguments: str, against: str = "live") -> dict[str, Any]:
    out = io.StringIO()
    call_command("run_scenarios", "--against", against, "--agent", "triage", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_a_version_that_does_worse_waits_and_one_that_does_not_is_in_force_at_once(suite: None) -> None:
    amir, dora, as_it_was = admin("admin"), admin("deputy"), triage().instructions
    # Nobody has compared them, so a second admin decides, and reads that nobody has.
    amir.save(triage(), instructions=f"{as_it_was} {GIVE_UP}")
    change = proposed()
    assert "no comparison of the last 7 days says" in change.loosens[0] and triage().instructions == as_it_was
    assert "Nobody has compared them" in dora.client.get(page(change)).content.decode()

    report = compare("--change", str(change.pk))
    assert (report["does_worse"], report["counts"], report["better"]) == (True, True, [])
    assert report["worse"] == ["status_of_a_shipped_order"] and report["p"] == 1.0
    assert (report["before"]["passed"], report["after"]["passed"]) == (2, 1)
    assert (report["before"]["hand_overs"], report["after"]["hand_overs"]) == (1, 2)
    assert report["before"]["cost_micros"] > report["after"]["cost_micros"] > 0
    pair = next(one for one in report["scenarios"] if one["verdict"] == "worse")
    assert pair["before"]["ended"] == "WAITING_CUSTOMER" and pair["after"]["ended"] == "WAITING_PERSON"
    assert "escalate_to_human" in pair["after"]["called"]
    assert triage().instructions == as_it_was and ProposedChange.objects.get() == change  # nothing of it stays
    entry = AuditEntry.objects.get(action="agents.comparison.stored")
    assert (entry.outcome, entry.target_id) == ("worse", str(report["comparison"]))

    shown = dora.client.get(page(change)).content.decode()
    assert "it does worse: 1 instead of 2 scenarios pass; it hands over to people 2 times instead of 1" in shown
    dora.decide(change, "decline", reason="Too many hand-overs")
    amir.save(triage(), instructions=f"{as_it_was} {GIVE_UP}")
    assert "which does worse: 1 instead of 2 scenarios pass" in proposed().loosens[0]
    dora.decide(proposed(), "decline", reason="Still")

    # The same for one that does not do worse: proposed, compared, then in force when it is sent again.
    better = f"{as_it_was} Be kind."
    amir.save(triage(), instructions=better)
    waiting = proposed()
    report = compare("--change", str(waiting.pk))
    assert (report["does_worse"], report["because"], report["worse"]) == (False, [], [])
    amir.save(triage(), instructions=better)
    assert triage().instructions == better
    assert f"C-{waiting.pk} on offline" in amir.client.get(page(triage())).content.decode()

    # Back again is another pair. An older version is compared with what is live now, and counts for that way only.
    older = Agent.history.filter(slug="triage").earliest("history_id").history_id
    assert compare(against=str(older))["after"]["passed"] == 2
    amir.save(triage(), instructions=as_it_was)
    assert triage().instructions == better


def test_a_comparison_that_is_old_or_of_chosen_scenarios_decides_nothing(suite: None, settings: Any) -> None:
    amir, kind = admin("admin"), f"{triage().instructions} Be kind."
    amir.save(triage(), instructions=kind)
    change = proposed()
    assert compare("--change", str(change.pk), "--only", PLAYED[0])["counts"] is False
    assert compare("--change", str(change.pk), "--only", PLAYED[0], "--provider", "offline")["counts"] is False
    amir.save(triage(), instructions=kind)
    assert triage().instructions != kind
    compare("--change", str(change.pk))
    Comparison.objects.update(compared_at=timezone.now() - Comparison.RECENT - timedelta(minutes=1))
    amir.save(triage(), instructions=kind)
    assert triage().instructions != kind
    # Other words than those that were played, or another model with them, are not compared by it.
    Comparison.objects.update(compared_at=timezone.now())
    amir.save(triage(), instructions=kind, model="other-model")
    assert triage().instructions != kind
    # Nor does it speak for a model that the installation has meanwhile.
    settings.DEFAULT_MODEL = "newer-model"
    amir.save(triage(), instructions=kind)
    assert triage().instructions != kind
    settings.DEFAULT_MODEL = "offline-demo"
    amir.save(triage(), instructions=kind)
    assert triage().instructions == kind


def test_an_agent_that_does_not_work_is_told_anything_at_once(settings: Any) -> None:
    amir = admin("admin")
    Agent.objects.filter(slug="triage").update(status=Agent.Status.DRAFT)
    amir.save(triage(), instructions="Be brief.", model="some-model")
    assert (triage().instructions, triage().model) == ("Be brief.", "some-model") and nothing_proposed()
    Agent.objects.filter(slug="triage").update(status=Agent.Status.LIVE)
    settings.SECOND_ADMIN = False
    amir.save(triage(), instructions="Be very brief.")
    assert triage().instructions == "Be very brief." and nothing_proposed()


def test_the_table_says_what_differs_in_each_scenario_and_in_sum(suite: None) -> None:
    agent = triage()
    older = agent.history.latest("history_id").history_id
    agent.instructions += f" {GIVE_UP}"
    agent.save()
    runs, out = Run.objects.count(), io.StringIO()
    call_command("run_scenarios", "--against", str(older), "--agent", "triage", "--repeat", "2", stdout=out)
    table = out.getvalue()
    assert "WORSE   pass -> fail" in table and "same    pass -> pass" in table
    assert "ended: WAITING_CUSTOMER -> WAITING_PERSON" in table and "hand-overs: 0 -> 2" in table
    assert "Of 2 scenarios 1 pass (before 2; better 0, worse 1, p 1.00)" in table and "it does worse" in table
    assert Run.objects.count() == runs and Comparison.objects.get().before_version == older


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--agent SLUG"),
        (["--agent", "nobody"], "there is no agent 'nobody'; known: billing, orders, technical, triage"),
        (["--agent", "triage"], "Both versions are the same"),
        (["--agent", "triage", "--change", "77"], "C-77 is not there"),
    ],
)
def test_what_cannot_be_compared_is_said(arguments: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("run_scenarios", "--against", "live", *arguments, stdout=io.StringIO())
    with pytest.raises(CommandError, match="has no version"):
        call_command("run_scenarios", "--against", "0x1", "--agent", "triage", stdout=io.StringIO())
    assert not Comparison.objects.exists()


def test_worse_means_fewer_right_or_more_asked_or_dearer() -> None:
    usual = {"passed": 10, "approvals": 3, "hand_overs": 2, "cost_micros": 1000}
    for change, worse in (
        ({}, False),
        ({"passed": 9}, True),
        ({"passed": 11, "approvals": 4}, True),
        ({"hand_overs": 3}, True),
        ({"cost_micros": 1100}, False),
        ({"cost_micros": 1101}, True),
        ({"passed": 11, "approvals": 0, "hand_overs": 0, "cost_micros": 1}, False),
    ):
        assert bool(worse_because(Totals(**usual), Totals(**{**usual, **change}))) is worse, change
    # By hand: 2 * (1 + 10) / 1024, 2 * 1 / 32, and nothing without a pair that differs.
    assert exact_mcnemar(1, 9) == pytest.approx(0.021484375)
    assert exact_mcnemar(0, 5) == 0.0625 and exact_mcnemar(0, 0) == 1.0 and exact_mcnemar(3, 3) == 1.0


def test_whatever_a_run_keeps_is_compared() -> None:
    from agents import comparisons

    assert set(KEPT) | set(comparisons.TOLD) == set(comparisons.COMPARED)
