import json
import stat
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit import chain, export
from audit.models import AuditDetail, SubjectKey

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def log_of_three(cook):
    cook("soup", ticket="T-1", run="r-1", refs=[("order", "ORD-1042")])
    cook("bread", ticket="T-2", private={"reason": "Ana said: cold"}, subject="CUS-1001")
    cook("tea", refs=[("order", "ORD-1042")])


def exported(*options: str) -> list[dict]:
    out = StringIO()
    call_command("audit_export", *options, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_line_can_be_verified_by_itself_and_with_its_neighbours():
    lines = exported()
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    prev = chain.GENESIS.hex()
    for line in lines:
        assert line["prev"] == prev
        assert chain.link(bytes.fromhex(line["prev"]), line["leaf"].encode()).hex() == line["hash"]
        assert json.loads(line["leaf"])["seq"] == line["seq"]
        prev = line["hash"]


@pytest.mark.parametrize(
    ("options", "seqs"),
    [
        (["--ticket", "T-1"], [1]),
        (["--run", "r-1"], [1]),
        (["--target", "order:ORD-1042"], [1, 3, 4]),
        (["--target", "order:ORD-1042", "--since-seq", "2"], [3, 4]),
        (["--since-seq", "3"], [3, 4]),
        (["--ticket", "T-9"], []),
    ],
)
def test_filters_narrow_the_export(options, seqs):
    assert [line["seq"] for line in exported(*options)] == seqs


def test_an_export_is_itself_recorded_before_anything_leaves():
    last = exported("--target", "order:ORD-1042", "--with-details")[-1]
    leaf = json.loads(last["leaf"])
    assert leaf["action"] == "audit.log.exported"
    assert leaf["data"]["with_details"] is True
    assert leaf["data"]["filters"]["target"] == ["order", "ORD-1042"]


def test_no_personal_data_leaves_unless_asked_for():
    assert "Ana" not in json.dumps(exported())
    private = [line["private"] for line in exported("--with-details")]
    assert private[:3] == [None, {"reason": "Ana said: cold"}, None]


def test_what_was_erased_cannot_be_exported():
    SubjectKey.objects.all().delete()
    assert {line["private"] for line in exported("--with-details")} == {None}


def test_details_that_were_altered_end_the_export():
    AuditDetail.objects.update(ciphertext=b"x" * 40)
    with pytest.raises(CommandError, match="audit_verify"):
        exported("--with-details")


def test_a_file_is_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "log.jsonl"
    exported("--output", str(path))
    assert len(path.read_text().splitlines()) == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("options", [["--target", "order"], ["--target", ":x"], ["--output", "/nonexistent/a"]])
def test_a_wrong_option_is_one_clear_line(options):
    with pytest.raises(CommandError) as refused:
        exported(*options)
    assert options[1] in str(refused.value)


def test_a_long_log_is_read_in_batches(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(export, "BATCH", 2)
    with django_assert_num_queries(3):
        assert len(list(export.lines(export.entries()))) == 3
