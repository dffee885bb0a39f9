import json
from contextlib import suppress

import pytest
from django.db import connection
from django.db import transaction as database
from django.test.utils import CaptureQueriesContext

from audit import actions, details, log, verification
from audit.append import NoHead
from audit.chain import NotCanonical
from audit.context import Actor, NoActor, acting
from audit.models import AuditDetail, AuditEntry, ChainHead, SubjectKey
from audit.triggers import lifted

from .conftest import COOK

pytestmark = pytest.mark.django_db


def cooked() -> list[str]:
    return list(AuditEntry.objects.order_by("seq").values_list("target_id", flat=True))


def record(dish: str, **more) -> None:
    log.record("kitchen.dish.cooked", target=("dish", dish), **{"actor": COOK, **more})


def test_entries_are_numbered_without_a_gap_and_linked(cook):
    cook("soup", "bread")
    first, second = AuditEntry.objects.order_by("seq")
    assert (first.seq, second.seq) == (1, 2)
    assert bytes(first.prev) == bytes(32)
    assert bytes(second.prev) == bytes(first.hash)
    head = ChainHead.objects.get()
    assert (head.seq, bytes(head.hash)) == (2, bytes(second.hash))


def test_an_entry_is_found_by_everything_it_names(cook):
    cook("soup", ticket="T-1", run="r-1", on_behalf_of="CUS-1001", refs=[("order", "ORD-1042")])
    cook("bread")
    for kind, identity in [
        ("dish", "soup"),
        ("order", "ORD-1042"),
        ("customer", "CUS-1001"),
        ("ticket", "T-1"),
        ("run", "r-1"),
    ]:
        assert [entry.target_id for entry in AuditEntry.objects.about(kind, identity)] == ["soup"]
        assert [entry.target_id for entry in AuditEntry.objects.matching(identity)] == ["soup"]
    assert not AuditEntry.objects.about("account", "ORD-1042").exists()


def test_an_exception_leaves_neither_effect_nor_entry():
    with suppress(ZeroDivisionError), log.transaction():
        record("soup")
        raise ZeroDivisionError
    assert cooked() == []
    with log.transaction():
        record("bread")
    assert cooked() == ["bread"]


def test_a_nested_block_joins_the_outer_one():
    with log.transaction():
        record("soup")
        with log.transaction():
            record("bread")
        assert cooked() == []
        record("tea")
    assert cooked() == ["soup", "bread", "tea"]


@pytest.mark.parametrize("block", [log.transaction, database.atomic], ids=["nested verb", "plain savepoint"])
def test_entries_of_a_nested_block_that_failed_go_with_it(block):
    with log.transaction():
        record("soup")
        with suppress(ZeroDivisionError), block():
            record("burnt toast")
            with log.transaction():
                record("burnt egg")
            raise ZeroDivisionError
        with block():
            record("tea")
    assert cooked() == ["soup", "tea"]
    assert verification.verify().ok


def test_recording_outside_a_transaction_is_refused():
    with pytest.raises(log.NoTransaction):
        record("soup")


def test_an_unknown_action_is_refused():
    with pytest.raises(actions.UnknownAction), log.transaction():
        log.record("kitchen.dish.eaten", target=("dish", "soup"), actor=COOK)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"data": {"price": 1.5}}, NotCanonical),
        ({"ticket": 7}, TypeError),
        ({"refs": [("order", "")]}, ValueError),
        ({"refs": [("order", "x" * 151)]}, ValueError),
        ({"refs": [("order", "a\x00b")]}, ValueError),
        ({"private": {"reason": "cold"}}, ValueError),
    ],
)
def test_what_cannot_be_kept_is_refused_where_it_is_recorded(wrong, error):
    with pytest.raises(error), log.transaction():
        record("soup", **wrong)
    assert cooked() == []


def test_somebody_must_be_acting():
    with pytest.raises(NoActor), log.transaction():
        record("soup", actor=None)
    with acting(Actor.customer("CUS-1001")), log.transaction():
        record("tea", actor=None)
    entry = AuditEntry.objects.get()
    assert (entry.actor_type, entry.actor_id) == ("customer", "CUS-1001")


def test_what_is_changed_after_recording_does_not_reach_the_log():
    data = {"spices": ["salt"]}
    with log.transaction():
        record("soup", data=data)
        data["spices"].append("poison")
    assert json.loads(bytes(AuditEntry.objects.get().leaf))["data"] == {"spices": ["salt"]}


def test_private_details_are_in_no_leaf_and_can_be_read_with_the_key(cook):
    cook("soup", private={"reason": "Ana said it was cold"}, subject="CUS-1001")
    entry, detail = AuditEntry.objects.get(), AuditDetail.objects.get()
    assert b"Ana" not in bytes(entry.leaf) + bytes(detail.ciphertext)
    key = bytes(SubjectKey.objects.get(subject="CUS-1001").key)
    commitment = json.loads(bytes(entry.leaf))["details"]
    assert details.unseal(detail, key=key, commitment=commitment) == {"reason": "Ana said it was cold"}


def test_erasing_a_person_leaves_a_chain_that_verifies(cook):
    cook("soup", "bread", private={"reason": "cold"}, subject="CUS-1001")
    cook("tea", private={"reason": "weak"}, subject="CUS-1002")
    SubjectKey.objects.filter(subject="CUS-1001").delete()
    assert verification.verify().ok
    AuditDetail.objects.filter(subject="CUS-1001").delete()
    assert verification.verify().ok
    assert AuditDetail.objects.get().entry_id == 3


def test_without_a_head_nothing_happens_at_all():
    with lifted():
        ChainHead.objects.all().delete()
    with pytest.raises(NoHead), log.transaction():
        SubjectKey.objects.create(subject="effect", key=b"")
        record("soup")
    assert not SubjectKey.objects.exists()


def test_appending_costs_the_same_few_statements_for_any_number_of_entries():
    counts = []
    for number in (1, 20):
        with (
            CaptureQueriesContext(
                connection,
            ) as queries,
            log.transaction(),
        ):
            for index in range(number):
                record(f"dish {index}", refs=[("order", str(index)), ("customer", "CUS-1001")])
        counts.append(len([q for q in queries if "SAVEPOINT" not in q["sql"]]))
    assert counts[0] == counts[1] == (2 if connection.vendor == "postgresql" else 4)


def test_a_transaction_that_records_nothing_does_not_touch_the_chain():
    with CaptureQueriesContext(connection) as queries, log.transaction():
        pass
    assert not [query for query in queries if "audit_" in query["sql"]]
