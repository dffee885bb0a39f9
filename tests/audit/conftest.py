"""Actions that only these tests record, and a short way to record them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from audit import actions, log
from audit.context import Actor

COOK = Actor.system("cook")


@pytest.fixture(autouse=True, scope="session")
def _vocabulary() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(actions, "_registered", dict(actions._registered))
        actions.register("kitchen.dish.cooked", "A dish was cooked")
        yield


@pytest.fixture
def cook() -> Callable[..., None]:
    """Record that dishes were cooked, each in a transaction of its own."""

    def record(*dishes: str, **more: Any) -> None:
        for dish in dishes:
            with log.transaction():
                log.record("kitchen.dish.cooked", target=("dish", dish), actor=COOK, **more)

    return record
