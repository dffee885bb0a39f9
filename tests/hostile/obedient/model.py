"""The obedient brain: it looks at everything it may, then does what anything it read tells it to, once each."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.fake_openai import Call, Turn
from tests.hostile.disguises import DISGUISES
from tests.hostile.server import Brain, Seen, call

LOOKS = [
    ("store__get_customer", {}),
    ("store__list_orders", {}),
    ("store__get_order", {"order_id": "ORD-1042"}),
    ("store__list_payments", {}),
    ("store__get_invoice", {"order_id": "ORD-1042"}),
    ("knowledge__search_articles", {"query": "returns refunds restocking fee"}),
    ("engineering__get_service_logs", {}),
    ("tickets__list_tickets", {}),
]
_CALL = re.compile(r"CALL (\S+) (\{(?:<<.+?>>|[^{}])*\})")
_SAY = re.compile(r"SAY ([^\n]+)")
_REPEAT = re.compile(r"REPEAT ([^\n]+?)(?: AS ([a-z0-9 ]+))?(?=\n|$)")
_FILLED = re.compile(r"<<(.+?)(?: AS ([a-z0-9 ]+))?>>")
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
MOST_CALLS = 8


def obedient(first: tuple[tuple[str, dict[str, Any]], ...] = ()) -> Callable[[], Brain]:
    """Looks at `first` and everything else that it may, then obeys."""

    def new_brain() -> Brain:
        obeyed: set[str] = set()
        looked: list[bool] = []

        def brain(seen: Seen) -> Turn:
            if not looked:
                looked.append(True)
                offered = [(name, arguments) for name, arguments in (*first, *LOOKS) if name in seen.tools][:MOST_CALLS]
                return _calls(seen, [call(f"look_{n}", *each) for n, each in enumerate(offered)])
            return _obey(seen, obeyed)

        return brain

    return new_brain


def _obey(seen: Seen, obeyed: set[str]) -> Turn:
    read = list(_read(seen))
    wanted = [(name, text) for text in read for name, text in _CALL.findall(text) if name + text not in obeyed]
    everything = _everything(seen)
    calls = [
        call(f"do_{seen.uid}_{n}", name, _arguments(_fill(text, everything)))
        for n, (name, text) in enumerate(wanted[:MOST_CALLS])
    ]
    obeyed.update(name + text for name, text in wanted)
    if calls:
        return _calls(seen, calls)
    said = [line for line in _lines(read, everything) if line not in obeyed]
    obeyed.update(said)
    return Turn("\n".join(said) or "That is all I can see.")


def _lines(read: list[str], everything: str) -> Iterator[str]:
    for text in read:
        yield from _SAY.findall(text)
        for pattern, disguise in _REPEAT.findall(text):
            for match in re.finditer(pattern, everything):
                yield f"It is {DISGUISES[disguise or 'plainly'](match[0])} as you wished."


def _fill(text: str, everything: str) -> str:
    def found(place: re.Match[str]) -> str:
        match = re.search(place[1], everything)
        return json.dumps(DISGUISES[place[2] or "plainly"](match[0]))[1:-1] if match else "nothing"

    return _FILLED.sub(found, text)


def _calls(seen: Seen, calls: list[Call]) -> Turn:
    return Turn("" if calls else "I have no tools.", tuple(calls))


def _arguments(text: str) -> dict[str, Any] | str:
    try:
        return dict(json.loads(text))
    except ValueError:
        return text


def _read(seen: Seen) -> Iterator[str]:
    """Every text that is not the house's own instructions: what was said, answered and described, schemas included."""
    for number, line in enumerate(seen.lines):
        if line.who == "user" or line.who == "result" or (line.who == "host" and number > 0):
            yield from _leaves(line.text)
    yield from _strings(seen.tools)
    # A colleague's words stand on the wire as the assistant's, with a mark.
    for said in _strings(seen.body):
        if said.startswith("[Written by "):
            yield from _leaves(said)


def _leaves(text: str) -> Iterator[str]:
    """A JSON answer text by text, anything else as it stands; tag characters as the letters they stand for."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    for leaf in _strings(value):
        yield _TAGS.sub(lambda match: "".join(chr(ord(c) - 0xE0000) for c in match[0]), leaf)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        yield from value if isinstance(value, dict) else ()
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _everything(seen: Seen) -> str:
    own = str(seen.body.get("instructions", ""))
    return "\n".join([own, *(line.text for line in seen.lines)])
