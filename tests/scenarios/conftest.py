"""The demo's installation, written once for a whole module: every scenario undoes what it does, and so does a test."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from supportagent.demo.seeding import seed


@pytest.fixture(scope="module")
def installation(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), transaction.atomic():
        seed(datetime.now(tz=UTC))
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def undone(installation: None) -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
