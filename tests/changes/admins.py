"""What the tests about two admins do: fill in the admin's forms as a browser would, and click."""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from supportagent.changes.models import ProposedChange
from supportagent.staff.models import User

REASON = "because of the sale"


def page(row: Model | type[Model], name: str = "change", *args: Any) -> str:
    pk = [row.pk] if isinstance(row, Model) else []
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[*pk, *args])


def filled(response: Any) -> dict[str, Any]:
    """What a browser sends back when nothing was typed: the form and every row of every inline."""
    sent: dict[str, Any] = {}
    forms = [response.context["adminform"].form]
    for inline in response.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.initial_forms]
    for form in forms:
        for bound in form:
            sent |= _sent(bound)
    return sent


def _sent(bound: Any) -> dict[str, Any]:
    value = bound.value()
    if value is None or value is False or bound.field.disabled:
        return {}
    if value is True:
        return {bound.html_name: "on"}
    if isinstance(value, list | tuple):
        return {bound.html_name: [str(getattr(each, "pk", each)) for each in value]}
    widget = bound.field.widget
    if hasattr(widget, "decompress"):
        parts = widget.decompress(value)
        return {f"{bound.html_name}{name}": str(part) for name, part in zip(widget.widgets_names, parts, strict=True)}
    if isinstance(value, dict):
        return {bound.html_name: json.dumps(value)}
    return {bound.html_name: str(value)}


@dataclass
class Admin:
    """Somebody at the admin's pages."""

    user: User
    client: Client

    def save(self, row: Model, without: tuple[str, ...] = (), **changes: Any) -> HttpResponse:
        """Open the row's page, type the changes, press save."""
        address = page(row)
        sent = filled(self.client.get(address)) | {"change_reason": REASON} | changes
        for name in without:
            sent.pop(name, None)
        return self.client.post(address, sent)

    def add(self, model: type[Model], **values: Any) -> HttpResponse:
        address = page(model, "add")
        sent = filled(self.client.get(address)) | values
        return self.client.post(address, sent | {"reason_for_second_admin": REASON})

    def post(self, address: str, **values: Any) -> HttpResponse:
        return self.client.post(address, {"reason_for_second_admin": REASON, **values})

    def put_in_force(self, change: ProposedChange, **changes: str) -> HttpResponse:
        return self.decide(change, "put_in_force", **changes)

    def decide(self, change: ProposedChange, verb: str, **changes: str) -> HttpResponse:
        address = reverse(f"admin:changes_proposedchange_{verb}", args=[change.pk])
        return self.client.post(address, {"digest": change.digest, **changes})


def proposed() -> ProposedChange:
    """The one change that waits."""
    return ProposedChange.objects.get(state=ProposedChange.State.PROPOSED)


def nothing_proposed() -> bool:
    return not ProposedChange.objects.exists()
