"""`manage.py reconcile_costs`: the ledger beside a provider's export, and files that are no export."""

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agents.costs import usage_export
from agents.models import Run, Spend
from tests.world import World

FIRST = dt.date(2026, 3, 30)
STATE = Spend.State


@pytest.fixture
def run(world: World) -> Run:
    world.script([{"text": "It was delivered."}])
    return world.write().runs.get()


def attempt(
    run: Run, day: dt.date = FIRST, model: str = "gpt-5-mini", time: dt.time = dt.time(12), **fields: Any
) -> Spend:
    """An attempt as `settle` leaves it behind."""
    usual: dict[str, Any] = {"provider": "openai_responses", "state": STATE.SETTLED, "input_tokens": 1000}
    usual |= {"cached_tokens": 400, "output_tokens": 200, "charged": 560, "reserved": 9_000, "price_id": "x"}
    moment = dt.datetime.combine(day, time, dt.UTC)
    spend = Spend(run=run, turn=1, budget_ids=[], model=model, expires_at=moment, **{**usual, **fields})
    spend.save()
    Spend.objects.filter(pk=spend.pk).update(created_at=moment)
    return spend


def reconcile(path: Path, **options: Any) -> tuple[int, str]:
    """The exit code, and what was printed or said."""
    out = io.StringIO()
    try:
        call_command("reconcile_costs", str(path), stdout=out, **options)
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()


def export(folder: Path, text: str | bytes, name: str = "usage.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


HEAD = "date,model,input_tokens,output_tokens,cached_tokens,cost\n"


def test_a_ledger_that_agrees_says_so(run: Run, tmp_path: Path) -> None:
    attempt(run)
    attempt(run, time=dt.time(23, 59, 59, 999_999))
    attempt(run, state=STATE.RELEASED, charged=0, input_tokens=0, cached_tokens=0, output_tokens=0)
    path = export(tmp_path, HEAD + "2026-03-30,gpt-5-mini-2025-08-07,2000,400,800,0.00112\n")
    assert reconcile(path) == (
        0,
        "2026-03-30 gpt-5-mini: 2 attempts\n"
        "  input tokens  ledger 2,000, provider 2,000, +0\n"
        "  cached tokens ledger 800, provider 800, +0\n"
        "  output tokens ledger 400, provider 400, +0\n"
        "  cost          ledger USD 0.0011 (1,120), provider USD 0.0011 (1,120), +0 micro-units\n"
        "1 days and models agree\n",
    )


def test_differences_are_printed_per_day_and_model(run: Run, tmp_path: Path) -> None:
    attempt(run)
    attempt(run, FIRST + dt.timedelta(1))
    attempt(run, FIRST + dt.timedelta(1), model="gpt-5")
    attempt(run, FIRST + dt.timedelta(2), time=dt.time(0), model="gpt-5")
    rows = ["2026-03-30,gpt-5-mini,1000,200,400,0.00056", "2026-03-31,gpt-5-mini,1100,200,400,0.0006"]
    code, said = reconcile(export(tmp_path, HEAD + "\n".join(rows)), json=True)
    assert code == 1
    report = json.loads(said[: said.index("}]}") + 3])
    assert report["differs"] is True
    assert [(row["day"], row["model"], row["differs"]) for row in report["rows"]] == [
        ("2026-03-30", "gpt-5-mini", []),
        ("2026-03-31", "gpt-5", ["input_tokens", "cached_tokens", "output_tokens", "cost_micros"]),
        ("2026-03-31", "gpt-5-mini", ["input_tokens", "cost_micros"]),
    ]
    assert report["rows"][2]["input_tokens"] == {"ledger": 1000, "provider": 1100, "difference": -100}
    assert report["rows"][2]["cost_micros"] == {"ledger": 560, "provider": 600, "difference": -40}
    assert said.endswith("2 of 3 days and models differ")


def test_what_the_ledger_lacks_is_a_difference_too(run: Run, tmp_path: Path) -> None:
    code, said = reconcile(export(tmp_path, HEAD + "2026-03-30,gpt-5-mini,10,0,0,0\n"))
    assert code == 1
    assert "input tokens  ledger 0, provider 10, -10  DIFFERS" in said


@pytest.mark.parametrize(("tolerance", "code"), [("0", 1), ("9", 1), ("10", 0), ("100", 0)])
def test_a_tolerance_is_a_part_of_the_providers_figure(run: Run, tmp_path: Path, tolerance: str, code: int) -> None:
    attempt(run)
    path = export(tmp_path, HEAD.replace(",cost", "") + "2026-03-30,gpt-5-mini,1000,200,440\n")
    assert reconcile(path, tolerance="0")[0] == 1
    path = export(tmp_path, "date,model,input_tokens,output_tokens\n2026-03-30,gpt-5-mini,1000,222\n")
    assert reconcile(path, tolerance="9")[0] == 1
    path = export(tmp_path, "date,model,input_tokens,output_tokens\n2026-03-30,gpt-5-mini,1000,222.0\n")
    assert reconcile(path, tolerance=tolerance)[0] == code


@pytest.mark.parametrize("tolerance", ["-1", "many", "NaN", "101", "Infinity"])
def test_a_tolerance_that_is_none_is_refused(run: Run, tmp_path: Path, tolerance: str) -> None:
    code, said = reconcile(export(tmp_path, HEAD), tolerance=tolerance)
    assert (code, said) == (2, "--tolerance is a number of per cent from 0 to 100")


def test_rounding_up_each_attempt_is_no_difference_and_more_than_that_is(run: Run, tmp_path: Path) -> None:
    attempt(run)
    attempt(run)
    assert reconcile(export(tmp_path, HEAD + "2026-03-30,gpt-5-mini,2000,400,800,0.0011182\n"))[0] == 0
    assert reconcile(export(tmp_path, HEAD + "2026-03-30,gpt-5-mini,2000,400,800,0.001117\n"))[0] == 1
    assert reconcile(export(tmp_path, HEAD + "2026-03-30,gpt-5-mini,2000,400,800,0.001121\n"))[0] == 1


def test_attempts_that_nobody_counted_are_named(run: Run, tmp_path: Path) -> None:
    attempt(run)
    attempt(run, state=STATE.FORFEITED, input_tokens=0, cached_tokens=0, output_tokens=0, charged=9_000)
    code, said = reconcile(export(tmp_path, HEAD + "2026-03-30,gpt-5-mini,1000,200,400,0.00056\n"))
    assert code == 1
    assert "2 attempts, 1 charged in full without a count" in said
    assert "+9,000 micro-units  DIFFERS" in said


def test_only_providers_that_send_a_bill_or_that_are_named_count(run: Run, tmp_path: Path) -> None:
    attempt(run)
    attempt(run, provider="scripted")
    attempt(run, provider="openai_chat", model="gpt-5")
    path = export(tmp_path, HEAD + "2026-03-30,gpt-5-mini,1000,200,400,0.00056\n")
    assert reconcile(path)[0] == 1
    assert reconcile(path, provider=["openai_responses"])[0] == 0


def test_days_are_those_of_utc(run: Run, tmp_path: Path) -> None:
    attempt(run, time=dt.time(23, 30))
    path = export(tmp_path, HEAD + "2026-03-31T01:15:00+02:00,gpt-5-mini,1000,200,400,0.00056\n")
    assert reconcile(path)[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffDATE, Model,prompt_tokens,completion_tokens,input_cached_tokens,cost_usd,project\n"
        "2026-03-30,gpt-5-mini,1000,200,400,$0.00056,p\n\n",
        "start_time,snapshot_id,n_context_tokens_total,n_generated_tokens_total,amount\n"
        "1774872000,gpt-5-mini,600,100,0.0003\n1774872000,gpt-5-mini,400,100,2.6e-4\n",
        '[{"day": "2026-03-30", "model": "gpt-5-mini", "input_tokens": 1000, "output_tokens": 200, "cost": 0.00056}]',
        '{"object": "page", "data": [{"start_time": 1774828800, "end_time": 1774915200, "results": ['
        '{"model": "gpt-5-mini-2025-08-07", "input_tokens": 1000, "output_tokens": 200, "input_cached_tokens": 400,'
        ' "amount": {"value": 0.00056, "currency": "usd"}}]}, {"start_time": 1774915200, "results": []}]}',
    ],
)
def test_the_names_that_exports_use_are_understood(run: Run, tmp_path: Path, text: str) -> None:
    attempt(run)
    name = "usage.json" if text[0] in "[{" else "usage.csv"
    assert reconcile(export(tmp_path, text, name))[0] == 0


ROW = "2026-03-30,gpt-5-mini,1,1,1,1\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "columns are missing: date, model, input_tokens, output_tokens"),
        ("date,model,cost\n", "columns are missing: input_tokens, output_tokens"),
        (HEAD, "the file holds no rows"),
        (b"date,model\n\xe9", "the file is not UTF-8 (byte 11); save it as UTF-8"),
        (HEAD.encode("utf-16"), "the file is not UTF-8 (byte 0); save it as UTF-8"),
        (HEAD + ROW.replace(",1,1,1,1", ",1"), "line 2: output_tokens is missing"),
        (HEAD + ROW + ROW.replace(",1,1,1,1", ",-1,1,1,1"), "line 3: input_tokens is no whole number: '-1'"),
        (HEAD + ROW.replace(",1,1,1,1", ",1,1.5,1,1"), "line 2: output_tokens is no whole number: '1.5'"),
        (HEAD + ROW.replace(",1,1,1,1", f",{'9' * 5000},1,1,1"), "line 2: input_tokens is no whole number: '9999"),
        (HEAD + ROW.replace(",1,1,1,1", ",1,1,x,1"), "line 2: cached_tokens is no whole number: 'x'"),
        (HEAD + ROW.replace(",1,1,1,1", ",1,1,1,NaN"), "line 2: cost is no amount in US dollars: 'NaN'"),
        (HEAD + ROW.replace(",1,1,1,1", ",1,1,1,1e99"), "line 2: cost is larger than anybody pays: '1e99'"),
        (HEAD + ROW.replace("2026-03-30", "30.3.2026"), "line 2: '30.3.2026' is no date; write it like 2026-01-31"),
        (HEAD + ROW.replace("2026-03-30", "0001-01-01T00:00+10:00"), "line 2: '0001-01-01T00:00+10:00' is no date"),
        (HEAD + ROW.replace("2026-03-30", ""), "line 2: date is missing"),
        (HEAD + ROW.replace("gpt-5-mini", " "), "line 2: model is missing"),
        (HEAD + '2026-03-30,"gpt', "this is no CSV"),
        (HEAD + "x" * 200_000, "this is no CSV (field larger than field limit (131072))"),
    ],
)
def test_a_broken_csv_gives_one_line_and_exit_code_2(db: None, tmp_path: Path, text: Any, words: str) -> None:
    code, said = reconcile(export(tmp_path, text))
    assert code == 2
    assert words in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "this is no JSON"),
        ("{", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ("5", "neither a list of rows nor an object"),
        ('{"rows": []}', "neither a list of rows nor an object"),
        ("[]", "the file holds no rows"),
        ("[1]", "row 1 is no object"),
        ('[{"results": 5}]', "row 1: `results` is no list of objects"),
        ('[{"date": "2026-03-30", "model": "m", "input_tokens": true, "output_tokens": 1}]', "input_tokens is missing"),
        ('[{"date": "2026-03-30", "model": "m", "input_tokens": 1.5, "output_tokens": 1}]', "no whole number: '1.5'"),
        ('[{"date": "2026-03-30", "model": "m", "input_tokens": 1, "output_tokens": NaN}]', "output_tokens is missing"),
        (
            '[{"date": "2026-03-30", "model": "m", "input_tokens": 1, "output_tokens": 1, "cost": {"value": []}},{}]',
            "row 2: date is missing",
        ),
    ],
)
def test_a_broken_json_gives_one_line_and_exit_code_2(db: None, tmp_path: Path, text: str, words: str) -> None:
    code, said = reconcile(export(tmp_path, text), format="json")
    assert code == 2
    assert words in said
    assert "\n" not in said


def test_a_file_that_is_not_there_or_huge_gives_one_line(db: None, tmp_path: Path, monkeypatch: Any) -> None:
    for path in (tmp_path / "gone.csv", tmp_path):
        assert reconcile(path) == (2, f"{path}: there is no such file")
    monkeypatch.setattr(usage_export, "LARGEST_FILE", 10)
    code, said = reconcile(export(tmp_path, HEAD))
    assert (code, said.partition(": ")[2][:24]) == (2, "the file is larger than ")


def test_the_ledger_is_summed_with_one_statement(run: Run, tmp_path: Path, django_assert_num_queries: Any) -> None:
    for number in range(20):
        attempt(run, FIRST + dt.timedelta(number), model=f"gpt-{number}")
    path = export(tmp_path, HEAD + "2026-03-30,gpt-0,1000,200,400,0.00056\n2026-04-30,gpt-5,0,0,0,0\n")
    with django_assert_num_queries(1):
        assert "19 of 21 days and models differ" in reconcile(path)[1]
    # The last day of the calendar is a day like any other.
    assert reconcile(export(tmp_path, HEAD + "9999-12-31,gpt-0,0,0,0,0\n"))[0] == 0
