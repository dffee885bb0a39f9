"""What every admin page of the project inherits: reasons in the history, records nobody can touch."""

import pytest
from axes.models import AccessLog
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse
from unfold.admin import ModelAdmin

from supportagent.console.admin import LedgerAdmin
from supportagent.staff.models import Team

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.console.site")]


@pytest.fixture
def team():
    return Team.objects.create(name="Billing", slug="billing")


@pytest.fixture
def record():
    return AccessLog.objects.create(username="ana", ip_address="127.0.0.1", path_info="/admin/login/")


def page(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def fields_of(response):
    """What the browser would send back if nothing were typed."""
    managing = [formset.formset.management_form for formset in response.context["inline_admin_formsets"]]
    sent = {}
    for form in [response.context["adminform"].form, *managing]:
        sent |= {bound.html_name: "" if bound.value() is None else bound.value() for bound in form}
    return sent


def test_a_change_without_a_reason_is_refused(client, ana, team):
    client.force_login(ana)
    address = page(Team, "change", team.pk)
    response = client.post(address, {**fields_of(client.get(address)), "name": "Invoices"})
    assert response.status_code == 200
    assert "change_reason" in response.context["adminform"].form.errors
    team.refresh_from_db()
    assert team.name == "Billing"


def test_the_history_shows_what_changed_who_and_why(client, ana, team):
    client.force_login(ana)
    address = page(Team, "change", team.pk)
    sent = {**fields_of(client.get(address)), "name": "Invoices", "change_reason": "renamed by finance"}
    assert client.post(address, sent).status_code == 302
    entry = team.history.first()
    assert (entry.name, entry.history_user, entry.history_change_reason) == ("Invoices", ana, "renamed by finance")
    shown = client.get(page(Team, "history", team.pk)).content.decode()
    for text in ("Billing", "Invoices", "ana", "renamed by finance"):
        assert text in shown


def test_somebody_who_may_only_look_gets_a_page_without_the_reason_field(client, rep, team):
    rep.is_staff = True
    rep.save()
    rep.user_permissions.add(Permission.objects.get(codename="view_team"))
    client.force_login(rep)
    response = client.get(page(Team, "change", team.pk))
    assert response.status_code == 200
    assert "change_reason" not in response.content.decode()


def test_who_may_edit_a_team_cannot_grant_himself_more_on_it(client, rep, team):
    rep.is_staff = True
    rep.save()
    rep.user_permissions.set(Permission.objects.filter(codename__in=["view_team", "change_team"]))
    client.force_login(rep)
    assert client.get(page(Team, "change", team.pk)).status_code == 200
    assert client.get(page(Team, "permissions", team.pk)).status_code == 403
    assert client.get(page(Team, "permissions_manage_user", team.pk, rep.pk)).status_code == 403


def test_a_record_is_shown_to_a_superuser_and_changed_by_nobody(client, ana, record):
    client.force_login(ana)
    assert client.get(page(AccessLog, "changelist")).status_code == 200
    response = client.get(page(AccessLog, "change", record.pk))
    assert response.status_code == 200
    assert 'name="_save"' not in response.content.decode()
    assert page(AccessLog, "history", record.pk) not in response.content.decode()


@pytest.mark.parametrize("name", ["add", "change", "delete", "history"])
def test_every_way_to_touch_a_record_is_refused_to_a_superuser(client, ana, record, name):
    client.force_login(ana)
    address = page(AccessLog, name, *([] if name == "add" else [record.pk]))
    assert client.post(address, {"username": "somebody else", "post": "yes"}).status_code == 403
    record.refresh_from_db()
    assert record.username == "ana"


def test_a_record_cannot_be_deleted_from_the_list_either(client, ana, record):
    client.force_login(ana)
    client.post(
        page(AccessLog, "changelist"), {"action": "delete_selected", "_selected_action": record.pk, "post": "yes"}
    )
    assert AccessLog.objects.filter(pk=record.pk).exists()


def test_every_model_in_the_admin_is_drawn_by_unfold():
    plain = [model._meta.label for model, owner in admin.site._registry.items() if not isinstance(owner, ModelAdmin)]
    assert plain == []
    assert isinstance(admin.site.get_model_admin(AccessLog), LedgerAdmin)
