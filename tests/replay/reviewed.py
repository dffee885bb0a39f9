"""The benchmark's server as an admin of ours connects it: registered, imported, reviewed and granted by the forms."""

import json
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from supportagent.tools.models import MCPServer, Tool
from tests.changes.admins import Admin
from tests.replay.retail import Shop

SERVER = "retail"
HIDDEN = ("reset_state", "get_call_log")  # control tools of the benchmark: they stay switched off
GRANTED = (("Billing specialist", "use_tool"), ("Supervisor", "approve_tool"))
# Each ticket has a copy of the shop of its own: the host says which, the model cannot.
STATE = {"bound_arguments:state_key": "ticket"}
OWN_RECORD = {"ownership": "checked", "requires_verified": "on", "result_path": "parsed_content"}
OF_NOBODY = {"ownership": "nobody", "result_path": "parsed_content"}
READ = {"tool_class": "read", "impact": "none", "reversible": "yes"}
ORDER = {
    **OWN_RECORD,
    "tool_class": "opaque",
    "impact": "money",
    "reversible": "no",
    "facts_tool": f"{SERVER}__get_order_details",
    "owner_path": "user_id",
    "facts_paths": '{"status": "status"}',
    "subject_argument": "order_id",
    "record_paths": '{"order": "order_id"}',
    "what_to_check": "The status and the payments of the order in the shop.",
}
READS: dict[str, dict[str, Any]] = {
    "calculate": {**OF_NOBODY, "timeout_seconds": "5"},
    "find_user_id_by_name_zip": {**OWN_RECORD, "owner_path": "result"},
    "find_user_id_by_email": {**OWN_RECORD, "owner_path": "result"},
    "get_order_details": {**OWN_RECORD, "owner_path": "user_id", "record_paths": '{"order": "order_id"}'},
    "get_product_details": OF_NOBODY,
    "get_item_details": OF_NOBODY,
    "get_user_details": {**OWN_RECORD, "owner_path": "user_id", "bound_arguments:user_id": "customer"},
    "list_all_product_types": OF_NOBODY,
}
WRITES: dict[str, dict[str, Any]] = {
    "cancel_pending_order": ORDER,
    "exchange_delivered_order_items": ORDER,
    "modify_pending_order_address": {**ORDER, "destination_arguments": '["address1", "address2", "city", "zip"]'},
    "modify_pending_order_items": ORDER,
    "modify_pending_order_payment": ORDER,
    "return_delivered_order_items": ORDER,
    "modify_user_address": {
        **OWN_RECORD,
        "tool_class": "opaque",
        "impact": "account",
        "reversible": "no",
        "facts_tool": f"{SERVER}__get_user_details",
        "owner_path": "user_id",
        "facts_paths": '{"email": "email", "city": "address.city"}',
        "destination_arguments": '["address1", "address2", "city", "zip"]',
        "what_to_check": "The address of the customer in the shop.",
        "bound_arguments:user_id": "customer",
    },
    "transfer_to_human_agents": {
        **OF_NOBODY,
        "tool_class": "opaque",
        "impact": "customer-visible",
        "reversible": "yes",
        "what_to_check": "Whether somebody of the shop has the conversation.",
    },
}


def connect(root: Admin, shop: Shop) -> None:
    """Everything that an admin does, by the forms that an admin has."""
    answer = root.add(
        MCPServer,
        name=SERVER,
        title="The benchmark's shop",
        transport="stdio",
        command=json.dumps(shop.command),
        enabled="on",
        trusted_for_errors="on",  # it refuses before it changes anything
    )
    assert answer.status_code == 302, answer.context["errors"]  # type: ignore[attr-defined]
    server = MCPServer.objects.get(name=SERVER)
    root.client.post(reverse("admin:mcpserver_import", args=[server.pk]))
    for name, answers in READS.items():
        _review(root, name, **READ, **answers)
    for name, answers in WRITES.items():
        _review(root, name, **answers)
    assert set(server.tools.filter(enabled=False).values_list("name", flat=True)) == set(HIDDEN)


def host_bound(name: str) -> frozenset[str]:
    """The arguments that the host writes, which a model never sends."""
    return frozenset(Tool.objects.get(server__name=SERVER, name=name).bound_arguments)


def _review(root: Admin, name: str, **answers: Any) -> None:
    grants: dict[str, str] = {"grants-TOTAL_FORMS": str(len(GRANTED))}
    for number, (role, right) in enumerate(GRANTED):
        permission = Permission.objects.get(content_type__app_label="tools", codename=right)
        grants |= {
            f"grants-{number}-group": str(Group.objects.get(name=role).pk),
            f"grants-{number}-permission": str(permission.pk),
            f"grants-{number}-argument_rules": "{}",
        }
    tool = Tool.objects.get(server__name=SERVER, name=name)
    answer = root.save(tool, without=("bound_arguments",), enabled="on", **STATE, **grants, **answers)
    assert answer.status_code == 302, (name, answer.context["errors"])  # type: ignore[attr-defined]
