"""The rehearsal itself: it says what is wrong, leaves nothing behind, and plays nothing where it must not."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agents.models import Agent, Budget, Run
from audit.models import AuditEntry
from supportagent.demo.rehearsal import scripts
from supportagent.demo.rehearsal.rehearse import rehearse
from supportagent.demo.rehearsal.scripts import FOLDER
from supportagent.rehearsal.scripts import ScriptError, read
from supportagent.store.models import Account, Order, Refund
from supportagent.tickets.models import Ticket

SCRIPT = """
title = "A broken set"
customer = "logged in"
orders = [{ name = "ORDER" }]

[[step]]
customer = "Please refund {ORDER}, it arrived broken."

[expected]
route = ["triage", "billing"]
ticket = "WAITING_APPROVAL"
approvals = ["pending"]
"""


def script(tmp_path: Path, text: str = SCRIPT, **replaced: str) -> Path:
    for old, new in replaced.items():
        text = text.replace(old, new)
    path = tmp_path / "broken_set.toml"
    path.write_text(text, "utf-8")
    return path


def counts() -> list[int]:
    models: list[Any] = [Account, Agent.history, AuditEntry, Budget, Order, Refund, Run, Ticket]
    return [getattr(model, "objects", model).count() for model in models]


def test_nothing_of_a_scenario_stays_in_the_database(tmp_path: Path, settings: Any) -> None:
    before = counts()
    assert rehearse(read(FOLDER / "refund_approved.toml")).right
    assert counts() == before
    assert settings.LEASE_SECONDS < 7200


def test_what_is_not_as_expected_is_named(tmp_path: Path) -> None:
    path = script(tmp_path, **{'"triage", "billing"': '"triage"', '["pending"]': '["approved"]'})
    problems = rehearse(read(path)).problems
    assert "route: triage > billing, not triage" in problems
    assert "approvals: pending, not approved" in problems


def test_an_end_that_the_records_do_not_show_is_named(tmp_path: Path) -> None:
    path = script(tmp_path, SCRIPT + 'order = [{ name = "ORDER", refunded = "84.00" }]\n')
    [problem] = rehearse(read(path)).problems
    assert problem == "order ORDER: delivered > 0, not delivered > 84.00"


def test_an_order_of_what_the_shop_does_not_sell_is_named(tmp_path: Path) -> None:
    path = script(tmp_path, **{'name = "ORDER"': 'name = "ORDER", items = ["NO-SUCH"]'})
    with pytest.raises(CommandError, match="no product NO-SUCH"):
        call_command("run_scenarios", "--from", str(tmp_path), stdout=io.StringIO())
    assert path.exists()


def test_a_step_with_nothing_to_act_on_is_named_and_ends_the_scenario(tmp_path: Path) -> None:
    text = SCRIPT.replace("[expected]", '[[step]]\nperson = "sends the draft"\n\n[expected]')
    assert "step 2, person 'sends the draft': there is no open draft" in rehearse(read(script(tmp_path, text))).problems


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("title =", "title", "TOMLDecodeError"),
        ("logged in", "a friend", "customer is one of"),
        ('customer = "Please', 'nobody = "Please', "a step says who acts"),
        ('ticket = "WAITING_APPROVAL"', "", "ticket"),
        ("route", "rout", "no such field: rout"),
        ('name = "ORDER"', 'nam = "ORDER"', "no such field: nam"),
        ('name = "ORDER"', 'name = "ORDER", status = "lost"', "no such status of an order: lost"),
        ('name = "ORDER"', 'name = "EMAIL"', "stands for a detail of the customer: EMAIL"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_name(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ScriptError, match=r"broken_set\.toml") as error:
        read(script(tmp_path, **{old: new}))
    assert told in str(error.value)


def test_the_command_prints_a_table_and_passes_what_is_right_every_time() -> None:
    out = io.StringIO()
    call_command("run_scenarios", "--only", "asks_for_a_person", "--repeat", "2", stdout=out)
    assert "pass  asks_for_a_person    2/2  triage" in out.getvalue()
    assert "pass^2: 1 of 1 scenarios" in out.getvalue()
    assert "Conversations: n = 2, of 1 scenarios" in out.getvalue()
    assert "Hand-overs to people: 2, in 2 of 2 conversations" in out.getvalue()
    assert "Approvals: 0 asked for, in 0 of 2 conversations" in out.getvalue()


def test_the_command_ends_with_an_error_where_one_scenario_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = read(script(tmp_path, WAITING_APPROVAL="CLOSED"))
    monkeypatch.setattr(scripts, "read_all", lambda: [wrong])
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 of 1 scenarios"):
        call_command("run_scenarios", stdout=out)
    assert "FAIL  broken_set" in out.getvalue() and "ticket: WAITING_APPROVAL, not CLOSED" in out.getvalue()


def test_the_results_come_as_json_too() -> None:
    out = io.StringIO()
    call_command("run_scenarios", "--only", "asks_for_a_person", "--json", stdout=out)
    [row] = json.loads(out.getvalue())
    assert (row["name"], row["passed"], row["route"]) == ("asks_for_a_person", True, ["triage"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "no_such"], "No such scenario: no_such"),
        (["--repeat", "0"], "from 1 on"),
        (["--from", "/no/such/file.toml"], "file.toml: FileNotFoundError"),
        (["--triage"], "not part of the product"),
        (["--triage", "/no/such/file"], "cannot be read"),
        (["--provider", "openai_responses"], "has no key here"),
        (["--provider", "nobody"], "There is no provider 'nobody'"),
    ],
)
def test_what_cannot_be_played_is_said(arguments: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("run_scenarios", *arguments, stdout=io.StringIO())


def test_production_plays_nothing(settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production refuses"):
        call_command("run_scenarios", stdout=io.StringIO())


def test_an_installation_with_other_agents_is_told_what_is_missing() -> None:
    Agent.objects.filter(slug="billing").update(status=Agent.Status.PAUSED)
    with pytest.raises(CommandError, match="not live here: billing"):
        call_command("run_scenarios", stdout=io.StringIO())


def test_triage_is_measured_per_category(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "customer_turns": ["Please refund my order, it is broken."], "category": ["return_refund"]},
        {"id": "b", "customer_turns": ["Please cancel my order."], "category": ["exchange", "cancellation"]},
        {"id": "c", "customer_turns": ["Where is my parcel?"], "category": ["payment"]},
        {"id": "d", "customer_turns": ["Whatever"]},
    ]
    path = tmp_path / "messages.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    out, before = io.StringIO(), counts()
    call_command("run_scenarios", "--triage", str(path), "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert (report["n"], report["right"]) == (3, 2)
    by_name = {row["category"]: row for row in report["categories"]}
    assert (by_name["return_refund"]["precision"], by_name["return_refund"]["recall"]) == (1.0, 1.0)
    assert (by_name["payment"]["recall"], by_name["order_status"]["precision"]) == (0.0, 0.0)
    assert report["confused"][0].startswith("c: order_status")
    assert counts() == before
    call_command("run_scenarios", "--triage", str(path), stdout=out)
    assert "2 of 3 right (67%)" in out.getvalue()
