"""The demo's installation, written once and copied for every test."""

from datetime import UTC, datetime

import pytest

from supportagent.demo.seeding import seed
from tests import database


def _demo() -> None:
    seed(datetime.now(tz=UTC))


@pytest.fixture(autouse=True)
def installation(db: None) -> None:
    database.write_once(_demo)
