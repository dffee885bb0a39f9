"""Every list and record of the domains opens in the admin, and records stay as they are."""

from datetime import UTC, datetime

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from supportagent.demo.seeding import seed
from supportagent.engineering.models import EngineeringIssue, ServiceLog
from supportagent.knowledge.models import Article
from supportagent.staff.models import User
from supportagent.store.models import Account, Cancellation, Order, Payment, Product, Refund

EDITABLE = (Product, Article)
RECORDS = (Account, Order, Payment, Refund, Cancellation, ServiceLog)


def page(model: type[Model], name: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


@pytest.fixture
def root(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_every_list_and_every_record_opens_and_records_offer_no_change(root: Client) -> None:
    seed(datetime(2026, 5, 4, tzinfo=UTC))
    for model in (*EDITABLE, *RECORDS):
        instance = model._default_manager.first()
        assert instance is not None
        assert root.get(page(model, "changelist"), {"q": "ORD-1042"}).status_code == 200, model
        assert root.get(page(model, "change", instance.pk)).status_code == 200, model
        if model in RECORDS:
            assert root.get(page(model, "delete", instance.pk)).status_code == 403, model
            assert root.get(page(model, "add")).status_code == 403, model
            assert root.post(page(model, "change", instance.pk), {}).status_code == 403, model


def test_every_model_of_the_domains_is_in_the_admin() -> None:
    assert {*EDITABLE, *RECORDS, EngineeringIssue} <= set(admin.site._registry)
