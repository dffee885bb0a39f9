"""Every kind of change that loosens the rules waits for a second admin; what tightens is in force at once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.models import Agent, Budget, CategoryAutonomy, HandOffRoute, KillSwitch, Price, VelocityCap
from supportagent.changes.kinds import kinds
from supportagent.changes.loosening.schemas import narrows
from supportagent.changes.models import ProposedChange
from supportagent.grants import strict
from supportagent.staff.models import Team, TeamUserGrant, User
from supportagent.tools.models import MCPServer, Tool, ToolGrant, ToolUserGrant
from tests.changes.admins import Admin, nothing_proposed, page, proposed
from tests.world import World

UP_TO_20 = '{"properties": {"amount_minor": {"maximum": 2000}}}'


def tool(name: str = "store__issue_refund") -> Tool:
    return Tool.objects.get(qualified_name=name)


def right(codename: str, app: str = "tools") -> str:
    return str(Permission.objects.get(content_type__app_label=app, codename=codename).pk)


def role(name: str) -> Group:
    return Group.objects.get(name=name)


def one_more(prefix: str, row: Model, admin: Admin, **values: str) -> dict[str, str]:
    """The fields of one more row in an inline of the page of `row`."""
    inlines = admin.client.get(page(row)).context["inline_admin_formsets"]
    formset = next(inline.formset for inline in inlines if inline.formset.prefix == prefix)
    number = formset.initial_form_count()
    return {f"{prefix}-TOTAL_FORMS": str(number + 1)} | {f"{prefix}-{number}-{name}": v for name, v in values.items()}


def number_of(prefix: str, row: Model, admin: Admin, grant: Model) -> int:
    inlines = admin.client.get(page(row)).context["inline_admin_formsets"]
    formset = next(inline.formset for inline in inlines if inline.formset.prefix == prefix)
    return next(number for number, form in enumerate(formset.initial_forms) if form.instance.pk == grant.pk)


def waiting() -> list[int]:
    return list(ProposedChange.objects.values_list("pk", flat=True))


def waits_then_holds(otto: Admin, holds: Callable[[], object], words: str) -> None:
    """Proposed and not in force; then a second admin, and it is."""
    assert not holds()
    change = proposed()
    assert any(words in sentence for sentence in change.loosens), change.loosens
    answer = otto.put_in_force(change)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    assert holds()


def test_a_tool_granted_to_a_role_waits(world: World, olga: Admin, otto: Admin) -> None:
    tech = role("Technical specialist")
    more = one_more("grants", tool(), olga, group=str(tech.pk), permission=right("use_tool"), argument_rules=UP_TO_20)
    assert olga.save(tool(), **more).status_code == 302
    waits_then_holds(otto, ToolGrant.objects.filter(group=tech, content_object=tool()).exists, "Technical specialist")


def test_a_tool_granted_to_a_person_waits(world: World, olga: Admin, otto: Admin) -> None:
    more = one_more("user_grants", tool(), olga, user=str(world.rosa.pk), permission=right("use_tool"))
    olga.save(tool(), **more)
    waits_then_holds(otto, ToolUserGrant.objects.filter(user=world.rosa).exists, "gets “Can call the tool”")


def test_looser_argument_rules_wait_and_stricter_ones_do_not(world: World, olga: Admin, otto: Admin) -> None:
    grant = ToolGrant.objects.get(content_object=tool(), group__name="Supervisor")
    name = f"grants-{number_of('grants', tool(), olga, grant)}-argument_rules"

    def limit() -> Any:
        grant.refresh_from_db()
        return grant.argument_rules.get("properties", {}).get("amount_minor", {}).get("maximum")

    olga.save(tool(), **{name: UP_TO_20})
    assert limit() == 2000 and nothing_proposed()
    olga.save(tool(), **{name: UP_TO_20.replace("2000", "3000")})
    waits_then_holds(otto, lambda: limit() == 3000, "may accept more than before")


def test_a_grant_is_withdrawn_at_once(world: World, olga: Admin) -> None:
    grant = ToolGrant.objects.get(content_object=tool(), group__name="Supervisor")
    olga.save(tool(), **{f"grants-{number_of('grants', tool(), olga, grant)}-DELETE": "on"})
    assert not ToolGrant.objects.filter(pk=grant.pk).exists() and nothing_proposed()


def test_a_tool_is_switched_off_at_once_and_on_with_a_second_admin(world: World, olga: Admin, otto: Admin) -> None:
    olga.save(tool(), without=("enabled",))
    assert not tool().enabled and nothing_proposed()
    olga.save(tool(), enabled="on")
    waits_then_holds(otto, lambda: tool().enabled, "it is switched on")


def test_a_server_is_switched_off_at_once_and_on_with_a_second_admin(world: World, olga: Admin, otto: Admin) -> None:
    server = MCPServer.objects.get(name="store")

    def is_on() -> bool:
        return MCPServer.objects.get(name="store").enabled

    olga.save(server, without=("enabled",))
    assert not is_on() and nothing_proposed()
    olga.save(server, enabled="on")
    waits_then_holds(otto, is_on, "it is switched on")


def test_an_agent_is_paused_at_once_and_resumed_by_two(world: World, olga: Admin, otto: Admin, sven: Admin) -> None:
    def status() -> str:
        return Agent.objects.get(pk=world.agent.pk).status

    base = f"/admin/agents/agent/{world.agent.pk}/"
    sven.client.post(f"{base}pause/", {"_form_submitted": "on", "reason": "Wrong tone"})
    assert status() == "paused" and nothing_proposed()
    headers = {"HX-Request": "true"}
    answer = sven.client.post(f"{base}resume/", {"_form_submitted": "on", "reason": "Well again"}, headers=headers)
    assert answer["HX-Redirect"] == page(proposed())
    waits_then_holds(otto, lambda: status() == "live", "it is set to work")


@pytest.mark.parametrize(
    ("field", "more", "less", "words"),
    [
        ("max_turns", "50", "3", "more model calls per message"),
        ("max_tool_calls", "50", "3", "more tool calls per message"),
        ("max_seconds", "5000", "30", "more working time"),
        ("session_cap_micros", "9", "0.1", "more money per ticket"),
        ("max_tokens", "900000", "10000", "more tokens per run"),
        ("max_cost_micros", "9", "0.1", "more money per run"),
    ],
)
def test_a_cap_of_an_agent_is_lowered_at_once_and_raised_by_two(
    world: World, olga: Admin, otto: Admin, field: str, more: str, less: str, words: str
) -> None:
    def value() -> int:
        return int(getattr(Agent.objects.get(pk=world.agent.pk), field))

    before = value()
    olga.save(world.agent, **{field: less})
    assert value() < before and nothing_proposed()
    olga.save(world.agent, **{field: more})
    waits_then_holds(otto, lambda: value() > before, words)


def test_a_price_is_raised_at_once_and_lowered_by_two(world: World, olga: Admin, otto: Admin) -> None:
    row = Price.objects.create(**PRICE | {"input_micros": 2_000_000})

    def value() -> int:
        return Price.objects.get(pk=row.pk).input_micros

    olga.save(row, input_micros="3")
    assert value() == 3_000_000 and nothing_proposed()
    olga.save(row, input_micros="0.1")
    waits_then_holds(otto, lambda: value() == 100_000, "input is priced at USD 0.1000 instead of USD 3.0000")


def test_a_new_price_that_is_lower_than_the_list_waits(world: World, olga: Admin, otto: Admin) -> None:
    usual = {"provider": "openai_responses", "model": "gpt-5-mini", "output_micros": "9"}
    since = {"effective_from_0": "2026-06-01", "effective_from_1": "00:00:00"}
    olga.post(page(Price, "add"), **usual, **since, input_micros="9")
    assert Price.objects.count() == 1 and nothing_proposed()
    later = {"effective_from_0": "2099-01-01", "effective_from_1": "00:00:00"}
    olga.post(page(Price, "add"), **usual, **later, input_micros="0")
    waits_then_holds(otto, lambda: Price.objects.count() == 2, "input is priced at USD 0.0000 instead of USD 9.0000")


def levelled(agent: Agent, level: str) -> Agent:
    Agent.objects.filter(pk=agent.pk).update(autonomy=level)
    agent.refresh_from_db()
    return agent


def test_an_agent_steps_down_the_ladder_at_once_and_up_with_a_second_admin(
    world: World, olga: Admin, otto: Admin
) -> None:
    agent = levelled(world.agent, "approve")
    olga.save(agent, autonomy="draft")
    assert Agent.objects.get(pk=agent.pk).autonomy == "draft" and nothing_proposed()
    olga.save(agent, autonomy="autonomous")
    waits_then_holds(
        otto,
        lambda: Agent.objects.get(pk=agent.pk).autonomy == "autonomous",
        "its answers go further by themselves: autonomous",
    )


def test_a_category_steps_down_the_ladder_at_once_and_up_with_a_second_admin(
    world: World, olga: Admin, otto: Admin
) -> None:
    agent, prefix = levelled(world.agent, "approve"), "autonomy_by_category"

    def level(category: str) -> str:
        return "".join(CategoryAutonomy.objects.filter(agent=agent, category=category).values_list("level", flat=True))

    olga.save(agent, **one_more(prefix, agent, olga, category="payment", level="draft"))
    assert level("payment") == "draft" and nothing_proposed()
    olga.save(agent, **{f"{prefix}-0-level": "approve"})
    waits_then_holds(otto, lambda: level("payment") == "approve", "answers about “Payment” go further by themselves")


def test_a_category_whose_level_was_lower_than_the_agents_is_given_up_by_two(
    world: World, olga: Admin, otto: Admin
) -> None:
    agent = levelled(world.agent, "autonomous")
    row = CategoryAutonomy.objects.create(agent=agent, category="payment", level="draft")
    olga.save(agent, **{"autonomy_by_category-0-DELETE": "on"})
    gone = lambda: not CategoryAutonomy.objects.filter(pk=row.pk).exists()  # noqa: E731
    waits_then_holds(otto, gone, "answers about “Payment” go further by themselves: autonomous")


def test_a_route_waits_and_is_taken_away_or_reworded_at_once(world: World, olga: Admin, otto: Admin) -> None:
    account = User.objects.create_user("agent-billing", kind="service")
    billing = Agent.objects.create(slug="billing", name="Billing", service_user=account, team=world.agent.team)
    more = one_more("routes", world.agent, olga, to_agent=str(billing.pk), when="It is about money")
    olga.save(world.agent, **more)
    mine = HandOffRoute.objects.filter(from_agent=world.agent, to_agent=billing)
    waits_then_holds(otto, mine.exists, "may hand conversations off to Billing")
    proposals = set(waiting())
    olga.save(world.agent, **{"routes-0-when": "Money is asked back"})
    assert mine.get().when == "Money is asked back"
    olga.save(world.agent, **{"routes-0-DELETE": "on"})
    assert not mine.exists() and set(waiting()) == proposals


def test_an_agent_does_not_hand_off_to_itself_nor_twice_to_the_same(world: World, olga: Admin) -> None:
    more = one_more("routes", world.agent, olga, to_agent=str(world.agent.pk), when="always")
    answer = olga.save(world.agent, **more)
    assert answer.status_code == 200 and "does not hand off to itself" in answer.content.decode()
    more = one_more("autonomy_by_category", world.agent, olga, category="payment", level="draft")
    olga.save(world.agent, **more)
    answer = olga.save(world.agent, **one_more("autonomy_by_category", world.agent, olga, category="payment"))
    assert answer.status_code == 200 and CategoryAutonomy.objects.count() == 1
    assert nothing_proposed()


AGENT = {"min_confidence": 60, "channels": ["email"], "languages": ["en", "de"], "autonomy": "approve"}


@pytest.mark.parametrize(
    ("change", "looser"),
    [
        ({"min_confidence": 59}, True),
        ({"min_confidence": 61}, False),
        ({"channels": []}, True),
        ({"channels": ["email", "widget"]}, True),
        ({"channels": ["widget"]}, True),
        ({"languages": ["de"]}, False),
        ({"languages": []}, True),
        ({"autonomy": "draft"}, False),
        ({"autonomy": "autonomous"}, True),
    ],
)
def test_how_far_an_agent_goes_is_judged(change: dict[str, Any], looser: bool) -> None:
    before = {field.name: 0 for field in kinds()[Agent].fields()} | AGENT
    assert judged(Agent, before, before | change) is looser


@pytest.mark.parametrize("field", ["goal", "success_criteria", "instructions", "model", "reasoning_effort"])
def test_what_a_live_agent_is_told_or_thinks_with_waits_where_nobody_compared_it(
    world: World, olga: Admin, otto: Admin, field: str
) -> None:
    """An agent that does not work is told anything at once; the comparison itself: tests/scenarios/test_against.py."""

    def value() -> str:
        return str(getattr(Agent.objects.get(pk=world.agent.pk), field))

    Agent.objects.filter(pk=world.agent.pk).update(status="paused")
    olga.save(Agent.objects.get(pk=world.agent.pk), **{field: "low"})
    assert value() == "low" and nothing_proposed()
    Agent.objects.filter(pk=world.agent.pk).update(status="live")
    olga.save(Agent.objects.get(pk=world.agent.pk), **{field: "high"})
    waits_then_holds(otto, lambda: value() == "high", f"it works with another version ({field.replace('_', ' ')})")


def test_a_new_agent_with_roles_waits_with_its_account(world: World, olga: Admin, otto: Admin) -> None:
    values = {
        "name": "Night shift",
        "slug": "night",
        "status": "draft",
        "team": str(Team.objects.get(slug="orders").pk),
        "goal": "Help",
        "success_criteria": "Helped",
        "instructions": "Help",
        "roles": [str(role("Support rep").pk)],
        "session_cap_micros": "0.5",
        "autonomy": "draft",
        "min_confidence": "60",
        "max_turns": "12",
        "max_tool_calls": "24",
        "max_seconds": "300",
        "max_output_tokens": "1024",
    }
    assert olga.add(Agent, **values).status_code == 302
    assert not User.objects.filter(username="agent-night").exists()
    waits_then_holds(otto, Agent.objects.filter(slug="night").exists, "gets the role Support rep")
    assert Agent.objects.get(slug="night").service_user.groups.get() == role("Support rep")


def test_a_budget_is_lowered_at_once_and_raised_or_deleted_by_two(world: World, olga: Admin, otto: Admin) -> None:
    budget = Budget.objects.get(scope="agent", period="day")
    before = budget.cap

    def cap() -> int:
        return Budget.objects.get(pk=budget.pk).cap

    olga.save(budget, cap="5")
    assert cap() == 5_000_000 and nothing_proposed()
    Budget.objects.filter(pk=budget.pk).update(spent=77)
    olga.save(budget, cap="99")
    Budget.objects.filter(pk=budget.pk).update(spent=88)  # what runs meanwhile does not make it stale
    waits_then_holds(otto, lambda: cap() == 99_000_000, "the cap is raised from USD 5.0000 to USD 99.0000")
    assert before and Budget.objects.get(pk=budget.pk).spent == 88
    olga.post(page(budget, "delete"), post="yes")
    waits_then_holds(otto, lambda: not Budget.objects.filter(pk=budget.pk).exists(), "nothing limits what it was for")


def test_the_kill_switch_is_engaged_at_once_and_released_by_two(world: World, olga: Admin, otto: Admin) -> None:
    switch = KillSwitch.objects.get()

    def engaged() -> bool:
        return KillSwitch.objects.get().engaged

    olga.save(switch, engaged="on")
    assert engaged() and nothing_proposed()
    olga.save(switch, without=("engaged",))
    waits_then_holds(otto, lambda: not engaged(), "agents act again")


def test_a_role_given_to_a_person_waits(world: World, olga: Admin, otto: Admin) -> None:
    rosa, rep, finance = world.rosa, role("Support rep"), role("Finance lead")
    olga.save(rosa, groups=[str(rep.pk), str(finance.pk)])
    waits_then_holds(otto, rosa.groups.filter(pk=finance.pk).exists, "gets the role Finance lead")


def test_a_role_is_taken_away_at_once(world: World, olga: Admin) -> None:
    olga.save(world.rosa, without=("groups",))
    assert not world.rosa.groups.exists() and nothing_proposed()


@pytest.mark.parametrize("flag", ["is_superuser", "is_staff", "is_active"])
def test_a_flag_that_gives_rights_waits_and_is_taken_at_once(world: World, olga: Admin, otto: Admin, flag: str) -> None:
    rosa = User.objects.get(pk=world.rosa.pk)
    User.objects.filter(pk=rosa.pk).update(**{flag: True})
    olga.save(rosa, without=(flag,))
    assert not getattr(User.objects.get(pk=rosa.pk), flag) and nothing_proposed()
    olga.save(rosa, **{flag: "on"})
    waits_then_holds(otto, lambda: getattr(User.objects.get(pk=rosa.pk), flag), "")


def test_a_new_account_is_made_at_once_because_it_may_do_nothing(world: World, olga: Admin) -> None:
    form = {"username": "new", "kind": "person", "password1": "Zq8!kdkd-2", "password2": "Zq8!kdkd-2"}
    assert olga.client.post(page(User, "add"), form | {"usable_password": "true"}).status_code == 302
    assert User.objects.filter(username="new").exists() and nothing_proposed()


def test_a_permission_added_to_a_role_waits_and_is_removed_at_once(world: World, olga: Admin, otto: Admin) -> None:
    own = Group.objects.create(name="Night shift")
    refund = right("refund_order", "store")
    olga.save(own, permissions=[refund])
    waits_then_holds(otto, own.permissions.exists, "its members get")
    olga.save(own, without=("permissions",))
    assert not own.permissions.exists()


def test_a_role_made_with_permissions_waits(world: World, olga: Admin, otto: Admin) -> None:
    olga.add(Group, name="Night shift", permissions=[right("refund_order", "store")])
    waits_then_holds(otto, Group.objects.filter(name="Night shift").exists, "its members get")


def test_a_grant_on_a_team_waits_and_is_withdrawn_at_once(world: World, olga: Admin, otto: Admin) -> None:
    billing = Team.objects.get(slug="billing")
    prefix, values = "teamusergrant_set", {"user": str(world.rosa.pk), "permission": right("decide_for_team", "staff")}
    olga.save(billing, **one_more(prefix, billing, olga, **values))
    mine = TeamUserGrant.objects.filter(user=world.rosa, content_object=billing)
    waits_then_holds(otto, mine.exists, "on Billing")
    olga.save(billing, **{f"{prefix}-{number_of(prefix, billing, olga, mine.get())}-DELETE": "on"})
    assert not mine.exists()


def test_everything_that_governs_is_judged() -> None:
    labels = {model._meta.label_lower for model in kinds()}
    assert labels >= {
        "approvals.approvalpolicy",
        "tools.toolgrant",
        "tools.toolusergrant",
        "tools.tool",
        "tools.mcpserver",
        "auth.group",
        "staff.user",
        "staff.teamusergrant",
        "staff.teamgroupgrant",
        "agents.agent",
        "agents.agentusergrant",
        "agents.categoryautonomy",
        "agents.handoffroute",
        "agents.agentgroupgrant",
        "agents.budget",
        "agents.price",
        "agents.velocitycap",
        "agents.killswitch",
        "guardian.userobjectpermission",
        "guardian.groupobjectpermission",
    }


def judged(model: type[Model], before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    return bool(kinds()[model].loosens(before, after))


CAP = {"scope": "customer", "tool": None, "max_count": 5, "max_amount_minor": None, "currency": "", "enabled": True}


@pytest.mark.parametrize(
    ("after", "looser"),
    [
        ({"max_count": 6}, True),
        ({"max_count": None}, True),
        ({"max_count": 4}, False),
        ({"max_amount_minor": 100}, False),
        ({"enabled": False}, True),
        ({"scope": "agent"}, True),
        (None, True),
    ],
)
def test_a_velocity_cap_is_judged(after: dict[str, Any] | None, looser: bool) -> None:
    assert judged(VelocityCap, CAP, None if after is None else CAP | after) is looser
    assert not judged(VelocityCap, None, CAP), "one cap more is no loosening"


PRICE = {
    "provider": "openai_chat",
    "model": "our-own-model",
    "effective_from": "2026-06-01T12:00:00+00:00",
    "input_micros": 100,
    "cached_micros": 50,
    "output_micros": 800,
    "reasoning_micros": None,
    "note": "",
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "looser"),
    [
        ({"input_micros": 99}, True),
        ({"cached_micros": 0}, True),
        ({"cached_micros": None}, False),
        ({"reasoning_micros": 799}, True),
        ({"reasoning_micros": 900}, False),
        ({"output_micros": 801}, False),
        ({"note": "Contract 8"}, False),
        ({"model": "another-model"}, True),
    ],
)
def test_a_lower_price_waits_because_caps_then_hold_more_calls(change: dict[str, Any], looser: bool) -> None:
    assert judged(Price, PRICE, PRICE | change) is looser


@pytest.mark.django_db
def test_a_price_more_or_less_is_compared_with_what_holds_without_it() -> None:
    assert judged(Price, None, PRICE), "a model without a price is blocked"
    assert not judged(Price, PRICE, None), "and blocked again"
    earlier = {name: PRICE[name] for name in ("provider", "model", "output_micros")}
    Price.objects.create(**earlier, input_micros=70, effective_from="2026-05-01T00:00:00+00:00")
    assert judged(Price, None, PRICE), "cached input is cheaper than before"
    assert not judged(Price, None, PRICE | {"cached_micros": 70})
    assert judged(Price, PRICE, None), "the price before it was lower"
    listed = PRICE | {"provider": "openai_responses", "model": "gpt-5-mini"}
    assert judged(Price, None, listed), "the list asks for more"
    assert not judged(Price, listed, None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "looser"),
    [
        ({"impact": "none"}, True),
        ({"impact": "account"}, True),
        ({"reversible": "yes"}, True),
        ({"requires_verified": False}, True),
        ({"tool_class": "keyed"}, True),
        ({"tool_class": "opaque"}, False),
        ({"host_only": False}, True),
        ({"destination_arguments": []}, True),
        ({"destination_arguments": ["iban", "email"]}, False),
        ({"description": "Give money away"}, True),
        ({"facts_tool": ""}, True),
        ({"enabled": False}, False),
        ({"what_to_check": "Look at the bank"}, False),
        ({"ownership": "nobody", "owner_path": ""}, True),
        ({"owner_path": "buyer.id"}, True),
        ({"masks": []}, True),
        ({"masks": ["card", "iban"]}, False),
        ({"record_paths": {}}, True),
        ({"record_paths": {"order": "id", "refund": "refund.id"}}, False),
        ({"facts_paths": {"status": "other"}}, True),
        ({"facts_paths": {"status": "state", "total": "total"}}, False),
        ({"bound_arguments": {}}, True),
        ({"result_path": ""}, True),
        ({"amount_unit": "major"}, True),
        ({"price_micros": 10}, True),
        ({"price_micros": 90}, False),
    ],
)
def test_a_tool_is_judged(change: dict[str, Any], looser: bool) -> None:
    empty = {field.name: None for field in kinds()[Tool].fields()}
    before = empty | {
        "enabled": True,
        "impact": "money",
        "reversible": "no",
        "requires_verified": True,
        "tool_class": "",
        "host_only": True,
        "destination_arguments": ["iban"],
        "facts_tool": "read",
        "description": "Pays back",
        "ownership": "checked",
        "owner_path": "customer",
        "masks": ["card"],
        "record_paths": {"order": "id"},
        "facts_paths": {"status": "state"},
        "bound_arguments": {"tenant": {"const": "shop-7"}},
        "result_path": "data",
        "amount_unit": "minor",
        "price_micros": 50,
    }
    assert judged(Tool, before, before | change) is looser


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "looser"),
    [
        ({"url": "https://elsewhere.example"}, True),
        ({"command": ["sh"]}, True),
        ({"credential": "OTHER"}, True),
        ({"trusted_for_errors": True}, True),
        ({"oauth_token_url": "https://elsewhere.example/token"}, True),
        ({"oauth_scope": "everything"}, True),
        ({"enabled": False}, False),
        ({"title": "Shop"}, False),
    ],
)
def test_a_server_is_judged(change: dict[str, Any], looser: bool) -> None:
    empty = {field.name: None for field in kinds()[MCPServer].fields()}
    before = empty | {"enabled": True, "trusted_for_errors": False, "url": "https://shop.example", "title": "A shop"}
    assert judged(MCPServer, before, before | change) is looser


RULES = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["integer", "string"]),
            "maximum": st.integers(-3, 3),
            "minimum": st.integers(-3, 3),
            "maxLength": st.integers(0, 3),
            "enum": st.lists(st.sampled_from([1, True, "a", 0, False]), max_size=3),
            "const": st.sampled_from([1, True, "a"]),
            "not": st.sampled_from([{"type": "string"}, {"maximum": 1}]),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
            "required": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True),
            "additionalProperties": st.booleans(),
        },
    ),
    max_leaves=4,
)
VALUES = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([-3, 0, 1, 3, "", "a", "abc", True]), max_size=2)


def accepts(rules: dict[str, Any], arguments: dict[str, Any]) -> bool:
    try:
        strict.validate(arguments, rules)
    except strict.InvalidArguments:
        return False
    return True


# A machine that does something else as well may take its time to make up rules: that says nothing about them.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=RULES, after=RULES, arguments=VALUES)
def test_rules_that_count_as_stricter_accept_nothing_new(
    before: dict[str, Any], after: dict[str, Any], arguments: dict[str, Any]
) -> None:
    if narrows(before, after) and accepts(after, arguments):
        assert accepts(before, arguments)


@given(before=RULES, more=RULES)
def test_one_limit_more_counts_as_stricter_where_only_known_words_are_used(
    before: dict[str, Any], more: dict[str, Any]
) -> None:
    assert narrows(before, before)
    assert narrows({}, more)
