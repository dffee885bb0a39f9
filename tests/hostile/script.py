"""A brain that plays a fixed list of turns, whatever it reads."""

from collections.abc import Callable
from typing import Any

from tests.fake_openai import Call, Turn
from tests.hostile.server import Brain, Seen, call

GOODBYE = "Thank you for your patience."
Asked = tuple[str, dict[str, Any] | str]
Spoken = str | Asked | list[Asked] | Turn


def script(*turns: Spoken) -> Callable[[], Brain]:
    """A text is said, a pair of name and arguments is called, a list of pairs is called in one turn."""

    def new_brain() -> Brain:
        left = list(turns)

        def brain(seen: Seen) -> Turn:
            return _turn(left.pop(0), seen.uid) if left else Turn(GOODBYE)

        return brain

    return new_brain


def _turn(spoken: Spoken, uid: str) -> Turn:
    if isinstance(spoken, Turn):
        return spoken
    if isinstance(spoken, str):
        return Turn(spoken)
    asked = [spoken] if isinstance(spoken, tuple) else spoken
    return Turn(calls=tuple(call(f"call_{uid}_{n}", name, arguments) for n, (name, arguments) in enumerate(asked)))


def raw(*calls: tuple[str, str, str], text: str = "") -> Turn:
    """Calls with ids of one's own: (id, name, arguments as they stand)."""
    return Turn(text, tuple(Call(*each) for each in calls))
