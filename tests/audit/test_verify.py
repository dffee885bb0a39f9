"""Each kind of tampering, done in SQL as somebody would who may drop the triggers."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from audit import chain, log, verification
from audit.models import AuditEntry, AuditReference, ChainHead
from audit.triggers import lifted

from .conftest import COOK

pytestmark = pytest.mark.django_db
DISHES = ["soup", "bread", "tea", "rice", "egg"]


def sql(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def leaf(seq: int, dish: str = "poison") -> bytes:
    fact = chain.Fact(action="kitchen.dish.cooked", actor=("system", "cook"), target=("dish", dish))
    return chain.canonical(chain.content(fact, seq=seq, at=AuditEntry.objects.earliest("seq").at))


def insert(seq: int, prev: bytes, content: bytes) -> None:
    """A whole, well-made row: what it says gives its hash, and its columns and references say the same."""
    sql(
        "INSERT INTO audit_auditentry (seq, prev, hash, leaf, at, action, actor_type, actor_id, target_type, "
        "target_id, ticket, run, outcome) "
        "SELECT %s, %s, %s, %s, at, 'kitchen.dish.cooked', 'system', 'cook', 'dish', 'poison', '', '', '' "
        "FROM audit_auditentry WHERE seq = 1",
        seq, prev, chain.link(prev, content), content,
    )  # fmt: skip
    if AuditEntry.objects.filter(seq=seq).count() == 1:
        sql("INSERT INTO audit_auditreference (entry_id, ref_type, ref_id) VALUES (%s, 'dish', 'poison')", seq)


def hash_of(seq: int) -> bytes:
    return bytes(AuditEntry.objects.get(seq=seq).hash)


def drop_constraints() -> None:
    """The same rows in a table without unique keys, as after ALTER TABLE ... DROP CONSTRAINT."""
    sql("CREATE TABLE audit_copy AS SELECT * FROM audit_auditentry")
    sql("ALTER TABLE audit_auditentry RENAME TO audit_original")
    sql("ALTER TABLE audit_copy RENAME TO audit_auditentry")


def verify() -> tuple[int, str]:
    """Exit code and output of the command."""
    out = StringIO()
    try:
        call_command("audit_verify", stdout=out, stderr=out)
    except SystemExit as stop:
        return int(stop.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def log_of_five(cook):
    cook(*DISHES, on_behalf_of="CUS-1001", refs=[("order", "ORD-1042")], ticket="T-1")


def test_an_untouched_log_is_whole(log_of_five):
    code, text = verify()
    assert code == 0
    assert text.startswith(f"ok: 5 entries, head {hash_of(5).hex()}")


def test_an_empty_log_is_whole():
    assert verify()[0] == 0


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_log_of_several_batches_is_read_to_its_end(log_of_five, monkeypatch, size):
    monkeypatch.setattr(verification, "BATCH", size)
    assert verify()[1].startswith("ok: 5 entries")


@pytest.fixture(params=[1, 2, 500])
def batches(request, monkeypatch):
    """What is found does not depend on where one batch ends and the next begins."""
    monkeypatch.setattr(verification, "BATCH", request.param)


def edit_content():
    sql("UPDATE audit_auditentry SET leaf = %s WHERE seq = 3", leaf(3))


def edit_content_to_text():
    sql("UPDATE audit_auditentry SET leaf = CAST(%s AS " + BYTES + ") WHERE seq = 3", "{}")


def edit_hash():
    sql("UPDATE audit_auditentry SET hash = %s WHERE seq = 3", bytes(32))


def edit_link():
    sql("UPDATE audit_auditentry SET prev = %s WHERE seq = 3", b"x" * 32)


def edit_and_rehash(seq: int = 3):
    """The attacker knows the arithmetic, and makes the row whole again."""
    prev, content = hash_of(seq - 1) if seq > 1 else chain.GENESIS, leaf(seq)
    sql(
        "UPDATE audit_auditentry SET leaf = %s, hash = %s WHERE seq = %s",
        content,
        chain.link(prev, content),
        seq,
    )
    at = AuditEntry.objects.earliest("seq").at
    sql("UPDATE audit_auditentry SET target_id = 'poison', ticket = '', at = %s WHERE seq = %s", at, seq)
    sql("DELETE FROM audit_auditreference WHERE entry_id = %s", seq)
    sql("INSERT INTO audit_auditreference (entry_id, ref_type, ref_id) VALUES (%s, 'dish', 'poison')", seq)


def edit_and_rehash_last():
    edit_and_rehash(5)


def edit_first_and_rehash():
    edit_and_rehash(1)


def edit_head():
    sql("UPDATE audit_chainhead SET hash = %s", bytes(32))


def change_column():
    sql("UPDATE audit_auditentry SET target_id = 'poison' WHERE seq = 3")


def change_time():
    sql("UPDATE audit_auditentry SET at = '2020-01-01 00:00:00' WHERE seq = 3")


def remove_reference():
    sql("DELETE FROM audit_auditreference WHERE entry_id = 3 AND ref_type = 'order'")


def add_reference():
    sql("INSERT INTO audit_auditreference (entry_id, ref_type, ref_id) VALUES (3, 'order', 'ORD-9999')")


def add_reference_to_nothing():
    sql("INSERT INTO audit_auditreference (entry_id, ref_type, ref_id) VALUES (9, 'order', 'ORD-1042')")


def delete_one():
    sql("DELETE FROM audit_auditentry WHERE seq = 3")
    sql("DELETE FROM audit_auditreference WHERE entry_id = 3")


def delete_first():
    sql("DELETE FROM audit_auditentry WHERE seq = 1")


def delete_last():
    """Truncation: the head says that there was more."""
    sql("DELETE FROM audit_auditentry WHERE seq >= 4")
    sql("DELETE FROM audit_auditreference WHERE entry_id >= 4")


def delete_everything():
    sql("DELETE FROM audit_auditentry")
    sql("DELETE FROM audit_auditreference")


def delete_and_close_the_gap():
    delete_one()
    for seq in (4, 5):
        sql("UPDATE audit_auditentry SET seq = %s WHERE seq = %s", seq - 1, seq)
        sql("UPDATE audit_auditreference SET entry_id = %s WHERE entry_id = %s", seq - 1, seq)


def insert_at_end():
    insert(6, hash_of(5), leaf(6))


def insert_at_end_with_invented_link():
    insert(6, b"x" * 32, leaf(6))


def insert_before_first():
    insert(0, b"x" * 32, leaf(0))


def insert_between():
    for seq in (5, 4, 3):
        sql("UPDATE audit_auditentry SET seq = %s WHERE seq = %s", seq + 1, seq)
        sql("UPDATE audit_auditreference SET entry_id = %s WHERE entry_id = %s", seq + 1, seq)
    insert(3, b"x" * 32, leaf(3))


def insert_twin_number():
    drop_constraints()
    insert(3, b"x" * 32, leaf(3))


def swap(one: int, other: int) -> None:
    for before, after in ((one, 99), (other, one), (99, other)):
        sql("UPDATE audit_auditentry SET seq = %s WHERE seq = %s", after, before)


def reorder_neighbours():
    swap(3, 4)


def reorder_distant():
    swap(3, 5)


def fork_with_the_same_number():
    drop_constraints()
    insert(3, hash_of(2), leaf(3))


def fork_at_end():
    drop_constraints()
    insert(6, hash_of(2), leaf(6))


BYTES = "bytea" if connection.vendor == "postgresql" else "text"


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize(
    ("tamper", "kind", "seq"),
    [
        (edit_content, "edit", 3),
        (edit_content_to_text, "edit", 3),
        (edit_hash, "edit", 3),
        (edit_link, "edit", 3),
        (edit_and_rehash, "edit", 3),
        (edit_and_rehash_last, "edit", 5),
        (edit_first_and_rehash, "edit", 1),
        (edit_head, "edit", 5),
        (change_column, "column-mismatch", 3),
        (change_time, "column-mismatch", 3),
        (remove_reference, "column-mismatch", 3),
        (add_reference, "column-mismatch", 3),
        (add_reference_to_nothing, "column-mismatch", 9),
        (delete_one, "delete", 3),
        (delete_first, "delete", 1),
        (delete_last, "delete", 4),
        (delete_everything, "delete", 1),
        (delete_and_close_the_gap, "delete", 3),
        (insert_at_end, "insert", 6),
        (insert_at_end_with_invented_link, "insert", 6),
        (insert_before_first, "insert", 0),
        (insert_between, "insert", 3),
        (insert_twin_number, "insert", 3),
        (reorder_neighbours, "reorder", 3),
        (reorder_distant, "reorder", 3),
        (fork_with_the_same_number, "fork", 3),
        (fork_at_end, "fork", 6),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_tampering_is_found_named_and_placed(log_of_five, tamper, kind, seq):
    with lifted():
        tamper()
        code, text = verify()
        assert code == 1
        assert text.startswith(f"tampered: {kind} at seq {seq}:")
        put_original_back()


def put_original_back() -> None:
    if "audit_original" in connection.introspection.table_names():
        sql("DROP TABLE audit_auditentry")
        sql("ALTER TABLE audit_original RENAME TO audit_auditentry")


def test_private_details_that_were_exchanged_are_found(cook):
    cook("soup", "bread", private={"reason": "cold"}, subject="CUS-1001")
    sql("DELETE FROM audit_auditdetail WHERE entry_id = 1")
    sql("UPDATE audit_auditdetail SET entry_id = 1 WHERE entry_id = 2")
    assert verify()[1].startswith("tampered: edit at seq 1:")


@pytest.fixture
def state_checks(monkeypatch):
    monkeypatch.setattr(verification, "_state_checks", {})
    return verification.register_state_check


def test_state_that_has_no_entry_is_found(log_of_five, state_checks):
    dishes = [*DISHES, "poison"]
    state_checks("kitchen.dishes", lambda: ((f"a {d}", "dish", d, "kitchen.dish.cooked") for d in dishes))
    code, text = verify()
    assert code == 1
    assert text == "tampered: state-without-entry: a poison (dish:poison) has no entry kitchen.dish.cooked\n"


def test_being_named_by_an_entry_is_not_having_one(log_of_five, state_checks):
    state_checks("kitchen.orders", lambda: [("order", "order", "ORD-1042", "kitchen.dish.cooked")])
    assert verify()[1].startswith("tampered: state-without-entry:")


def test_state_that_has_its_entries_is_whole(log_of_five, state_checks):
    state_checks("kitchen.dishes", lambda: [(d, "dish", d, "kitchen.dish.cooked") for d in DISHES])
    assert verify()[0] == 0


def test_a_state_check_that_fails_is_not_ok(log_of_five, state_checks):
    def broken():
        yield ("soup", "dish", "soup", "kitchen.dish.cooked")
        raise ZeroDivisionError

    state_checks("kitchen.broken", broken)
    code, text = verify()
    assert code == 2
    assert "cannot verify: the state check 'kitchen.broken' failed" in text


def test_without_its_head_a_log_cannot_be_verified(log_of_five):
    with lifted():
        ChainHead.objects.all().delete()
    code, text = verify()
    assert code == 2
    assert "head of the chain is missing" in text


@pytest.mark.parametrize("table", [AuditEntry, AuditReference, ChainHead], ids=lambda model: model.__name__)
@pytest.mark.django_db(transaction=True)
def test_without_one_of_its_tables_a_log_cannot_be_verified(log_of_five, table):
    sql(f"ALTER TABLE {table._meta.db_table} RENAME TO audit_hidden")
    try:
        code, text = verify()
    finally:
        sql(f"ALTER TABLE audit_hidden RENAME TO {table._meta.db_table}")
    assert code == 2
    assert text.startswith("cannot verify: ")
    assert verify()[0] == 0


def test_a_format_of_a_later_release_cannot_be_verified(cook):
    cook("soup")
    content = leaf(1).replace(b'"v":1', b'"v":2')
    with lifted():
        hashed = chain.link(chain.GENESIS, content)
        sql("UPDATE audit_auditentry SET leaf = %s, hash = %s", content, hashed)
        sql("UPDATE audit_chainhead SET hash = %s", hashed)
    code, text = verify()
    assert code == 2
    assert "format 2" in text


@pytest.mark.parametrize(
    "content",
    [b"not json", b"[]", b"{}", b'{"v":1}', b'{"v": 1}', b'{"v":1,"seq":"1","actor":[]}', b"\xff"],
)
def test_a_leaf_that_we_never_wrote_is_an_edit_although_its_hash_is_right(cook, content):
    cook("soup")
    with lifted():
        hashed = chain.link(chain.GENESIS, content)
        sql("UPDATE audit_auditentry SET leaf = %s, hash = %s", content, hashed)
        sql("UPDATE audit_chainhead SET hash = %s", hashed)
        assert verify()[1].startswith("tampered: edit at seq 1: the leaf is not one")


def test_a_leaf_in_another_spelling_is_an_edit(cook):
    cook("soup")
    with lifted():
        content = bytes(AuditEntry.objects.get().leaf).replace(b'"v":1', b'"v": 1')
        hashed = chain.link(chain.GENESIS, content)
        sql("UPDATE audit_auditentry SET leaf = %s, hash = %s", content, hashed)
        sql("UPDATE audit_chainhead SET hash = %s", hashed)
        assert verify()[1].startswith("tampered: edit at seq 1: the leaf is not one")


def test_verifying_costs_no_statement_per_entry(django_assert_max_num_queries, state_checks):
    with log.transaction():
        for index in range(300):
            log.record("kitchen.dish.cooked", target=("dish", str(index)), actor=COOK)
    with django_assert_max_num_queries(10):
        assert verification.verify().entries == 300
