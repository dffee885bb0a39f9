import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from audit import actions
from audit.models import AuditEntry

pytestmark = pytest.mark.django_db
LIST = "/admin/audit/auditentry/"


@pytest.fixture
def superuser():
    return get_user_model().objects.create_superuser("root", password="x")


@pytest.fixture
def auditor():
    person = get_user_model().objects.create_user("auditor", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    return person


@pytest.fixture(autouse=True)
def log_of_two(cook):
    cook("soup", ticket="T-1", run="r-1", refs=[("order", "ORD-1042")])
    cook("bread", on_behalf_of="CUS-1001")


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("soup", ["soup"]),
        ("ORD-1042", ["soup"]),
        ("order:ORD-1042", ["soup"]),
        ("ticket:T-1", ["soup"]),
        ("T-1 r-1", ["soup"]),
        ("T-1 CUS-1001", []),
        ("customer:CUS-1001", ["bread"]),
        ("cook", ["bread", "soup"]),
        ("order:T-1", []),
        ("%", []),
    ],
)
def test_the_log_is_searched_by_anything_it_names(client, auditor, term, found):
    client.force_login(auditor)
    page = client.get(LIST, {"q": term})
    assert page.status_code == 200
    assert [entry.target_id for entry in page.context["cl"].result_list] == found


def test_an_auditor_reads_an_entry_and_its_place_in_the_chain(client, auditor):
    client.force_login(auditor)
    page = client.get(f"{LIST}1/change/")
    assert page.status_code == 200
    text = page.content.decode()
    assert bytes(AuditEntry.objects.get(seq=1).hash).hex() in text
    assert "A dish was cooked" in text
    assert "ORD-1042" in text


def test_filters_offer_the_vocabulary_and_narrow_the_list(client, auditor):
    client.force_login(auditor)
    assert client.get(LIST, {"action": "audit.log.exported"}).context["cl"].result_count == 0
    assert client.get(LIST, {"action": "kitchen.dish.cooked", "actor_type": "system"}).context["cl"].result_count == 2
    assert client.get(LIST, {"actor_type": "user"}).context["cl"].result_count == 0


def test_an_action_of_an_older_release_is_still_shown(client, auditor, monkeypatch):
    monkeypatch.setattr(actions, "_registered", {})
    client.force_login(auditor)
    assert "Not an action of this release" in client.get(f"{LIST}1/change/").content.decode()


@pytest.mark.parametrize("page", ["add/", "1/delete/"])
def test_not_even_a_superuser_adds_or_deletes(client, superuser, page):
    client.force_login(superuser)
    assert client.get(LIST + page).status_code == 403
    assert client.post(LIST + page, {"post": "yes"}).status_code == 403
    assert AuditEntry.objects.count() == 2


def test_not_even_a_superuser_changes_an_entry(client, superuser):
    client.force_login(superuser)
    assert client.post(f"{LIST}1/change/", {"outcome": "x"}).status_code == 403
    assert AuditEntry.objects.get(seq=1).outcome == ""


def test_staff_without_the_permission_sees_nothing(client):
    client.force_login(get_user_model().objects.create_user("rep", is_staff=True))
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}1/change/").status_code == 403


def test_the_list_costs_no_query_per_entry(client, auditor, cook, django_assert_max_num_queries):
    cook(*(f"dish {index}" for index in range(60)))
    client.force_login(auditor)
    with django_assert_max_num_queries(12):
        client.get(LIST)
