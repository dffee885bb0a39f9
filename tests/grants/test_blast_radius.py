"""What an agent that was taken over could reach: nothing outside its role, whatever the loop lets through.

The grants of these calls are valid, signed for exactly them. So what refuses is the domain's own server, which asks
for the rights of the account in whose name the call is made.
"""

import dataclasses

import pytest

from supportagent.demo.agents_seed import AGENTS, SeedAgent, service_account
from supportagent.demo.governance_seed import TOOLS_OF_ROLES
from supportagent.grants.server import DomainServer, ServerTool
from supportagent.staff.roles import wanted_permissions
from tests.grants.doors import Caller, every_tool, over_protocol, rows

PAIRS = [(seed, *pair) for seed in AGENTS for pair in every_tool()]
OUTSIDE = [
    pytest.param(seed, server, tool, id=f"{seed.slug}-{server.name}.{tool.name}")
    for seed, server, tool in PAIRS
    if tool.permission not in wanted_permissions(seed.role)
]


def as_agent(caller: Caller, seed: SeedAgent) -> Caller:
    return dataclasses.replace(caller, actor=service_account(f"{seed.slug}-2", seed.name, (seed.role,)))


@pytest.mark.parametrize(("seed", "server", "tool"), OUTSIDE)
def test_the_server_refuses_an_agent_what_is_of_another_domain(
    caller: Caller, seed: SeedAgent, server: DomainServer, tool: ServerTool
) -> None:
    agent, before = as_agent(caller, seed), rows()
    answer = agent.call(server, tool.name, agent.good(server.name, tool))
    assert answer.code == "permission_denied"
    assert rows() == before


@pytest.mark.django_db(transaction=True)
def test_over_the_protocol_it_refuses_the_same(committed_caller: Caller) -> None:
    agent = as_agent(committed_caller, next(seed for seed in AGENTS if seed.slug == "technical"))
    outside = [case.values[1:] for case in OUTSIDE if case.values[0].slug == "technical"]
    for server in {server.name: server for server, _ in outside}.values():
        calls = []
        for tool in (tool for its, tool in outside if its is server):
            arguments = agent.good(server.name, tool)
            calls.append((tool.name, arguments, agent.grant(server.name, tool.name, arguments)))
        assert {result.is_error for result in over_protocol(server, calls)} == {True}


def test_the_promised_borders_are_among_the_refused_pairs() -> None:
    """Billing nothing technical, technical nothing financial, triage and orders no money back."""
    refused = {(case.values[0].slug, f"{case.values[1].name}.{case.values[2].name}") for case in OUTSIDE}
    assert {
        ("billing", "engineering.get_service_logs"),
        ("billing", "engineering.create_engineering_issue"),
        ("technical", "store.issue_refund"),
        ("technical", "store.list_payments"),
        ("technical", "store.get_order"),
        ("technical", "store.get_customer"),
        ("triage", "store.issue_refund"),
        ("triage", "store.cancel_order"),
        ("triage", "store.update_account"),
        ("triage", "engineering.get_service_logs"),
        ("orders", "store.issue_refund"),
        ("orders", "store.list_payments"),
        ("orders", "engineering.get_service_logs"),
    } <= refused


def test_no_role_is_granted_a_tool_that_its_server_would_refuse() -> None:
    permissions = {f"{server.name}__{tool.name}": tool.permission for server, tool in every_tool()}
    for role, tools in TOOLS_OF_ROLES.items():
        assert {permissions[name] for name in tools} <= wanted_permissions(role), role
