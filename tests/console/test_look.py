"""What the templates, the stylesheet and the vendored code promise."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from supportagent.console import theme, vendoring
from supportagent.console.money import format_money
from supportagent.console.templatetags import console

STATIC = Path(vendoring.__file__).parent / "static"
CSS = (STATIC / "console" / "console.css").read_text()


@pytest.mark.parametrize(
    "minor, currency, text",
    [
        (8400, "EUR", "EUR 84.00"),
        (-1990, "EUR", "EUR -19.90"),
        (5, "USD", "USD 0.05"),
        (1200, "JPY", "JPY 1,200"),
        (123456, "CHF", "CHF 1,234.56"),
        (1500, "KWD", "KWD 1.500"),
        (0, "EUR", "EUR 0.00"),
    ],
)
def test_money_is_written_in_its_own_unit(minor, currency, text):
    assert format_money(minor, currency) == text


@pytest.mark.parametrize(
    "seconds, text",
    [(-1, "expired"), (42, "0:42"), (845, "14:05"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)
def test_a_countdown_starts_with_the_words_that_the_ticker_continues(seconds, text):
    assert f">{text}<" in console.countdown(timezone.now() + dt.timedelta(seconds=seconds, milliseconds=900))


def test_a_status_is_always_written_out_and_escaped():
    assert 'badge--warning"' in console.status("AWAITING_APPROVAL")
    assert "Awaiting approval" in console.status("AWAITING_APPROVAL")
    assert "&lt;b&gt;" in console.status("<b>")


def test_both_zones_use_one_primary_colour():
    for step, colour in theme.PRIMARY.items():
        assert f"--color-primary-{step}: {colour};" in CSS


def test_the_stylesheet_and_scripts_load_nothing_from_elsewhere():
    for path in (STATIC / "console").iterdir():
        assert not re.search(r"(?:url\(|import\s|@import\s)['\"]?(?:https?:)?//", path.read_text()), path.name


def test_the_live_script_stays_small():
    assert len((STATIC / "console" / "live.js").read_text().splitlines()) < 150


def test_the_vendored_code_is_what_was_reviewed(capsys):
    call_command("check_vendor")
    assert "unchanged" in capsys.readouterr().out


def test_a_changed_a_missing_and_a_stray_file_are_named(tmp_path, monkeypatch):
    folder = tmp_path / "thing-1.0"
    folder.mkdir()
    (folder / "LICENSE").write_text("free")
    (folder / "a.js").write_text("changed")
    (folder / "stray.js").write_text("who put this here")
    manifest = {"licence_file": "LICENSE", "sha256": {"a.js": "0" * 64, "b.js": "0" * 64}}
    (folder / "VENDOR.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(vendoring.problems, "__defaults__", (tmp_path,))
    with pytest.raises(CommandError) as failure:
        call_command("check_vendor")
    assert str(failure.value).splitlines() == [
        "thing-1.0/a.js: the content is not what was vendored",
        "thing-1.0/b.js: missing",
        "thing-1.0/stray.js: not listed in any VENDOR.json",
    ]
