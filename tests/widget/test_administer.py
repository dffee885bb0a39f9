import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from audit.models import AuditEntry
from supportagent.widget.models import WidgetKey
from supportagent.widget.vault import unseal


@pytest.fixture
def admin_client(client, db):
    client.force_login(get_user_model().objects.create_superuser("amir", "amir@example.com", "x"))
    return client


def test_every_page_of_the_widgets_admin_opens(admin_client, app, browser):
    browser.open()
    pages = [
        reverse("admin:widget_widgetapp_changelist"),
        reverse("admin:widget_widgetapp_add"),
        reverse("admin:widget_widgetapp_change", args=[app.pk]),
        reverse("admin:widget_widgetapp_history", args=[app.pk]),
        reverse("admin:widget_widgetsession_changelist"),
    ]
    assert [admin_client.get(page).status_code for page in pages] == [200] * 5


def test_a_new_keys_secret_is_shown_once_and_audited(admin_client, app):
    answer = admin_client.post(
        reverse("admin:widget_widgetapp_changelist"), {"action": "issue_signing_key", "_selected_action": [app.pk]}
    )

    newest = WidgetKey.objects.first()
    assert unseal(newest.sealed_secret) in answer.content.decode()
    page = admin_client.get(reverse("admin:widget_widgetapp_change", args=[app.pk])).content.decode()
    assert newest.kid in page and unseal(newest.sealed_secret) not in page
    assert AuditEntry.objects.filter(action="widget.key.issued").count() == 2


def test_older_keys_are_retired_and_the_newest_stays(admin_client, app):
    changelist = reverse("admin:widget_widgetapp_changelist")
    admin_client.post(changelist, {"action": "issue_signing_key", "_selected_action": [app.pk]})
    newest = WidgetKey.objects.first()

    admin_client.post(changelist, {"action": "retire_older_keys", "_selected_action": [app.pk]})

    assert list(WidgetKey.objects.in_use()) == [newest]
