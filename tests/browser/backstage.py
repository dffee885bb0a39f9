"""A process with the demo's settings that writes and reads what a browser cannot: JSON lines in, JSON lines out."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportagent.settings")
django.setup()

import jwt  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.utils import timezone  # noqa: E402

from agents.mcp import importing  # noqa: E402
from approvals import services as approvals  # noqa: E402
from approvals.models import ApprovalPolicy, ApprovalRequest  # noqa: E402
from audit import log as audit_log  # noqa: E402
from audit.context import Actor, acting  # noqa: E402
from supportagent.console import live  # noqa: E402
from supportagent.demo.logins import PASSWORD, DemoLogin  # noqa: E402
from supportagent.demo.seed_data import write_shop  # noqa: E402
from supportagent.demo.seed_data.orders import SeedOrder  # noqa: E402
from supportagent.demo.seed_data.people import CUSTOMERS  # noqa: E402
from supportagent.demo.seed_data.write_people import _person  # noqa: E402
from supportagent.quality import sampling  # noqa: E402
from supportagent.quality.models import SampledItem  # noqa: E402
from supportagent.staff.models import User  # noqa: E402
from supportagent.store.models import Account, Refund  # noqa: E402
from supportagent.tickets import services as tickets  # noqa: E402
from supportagent.tickets.models import Customer, Message, Rating, Ticket  # noqa: E402
from supportagent.tools.models import MCPServer, Tool  # noqa: E402
from supportagent.tools.schema import imported_hash  # noqa: E402
from supportagent.widget.models import WidgetApp  # noqa: E402
from supportagent.widget.vault import unseal  # noqa: E402

NUMBERS = itertools.count(7001)
APP = "shop"


def new_customer() -> dict[str, str]:
    """Somebody nobody has heard of, with one delivered order of EUR 84.00 and a shop log-in."""
    number = next(NUMBERS)
    seed = CUSTOMERS[0]._replace(
        reference=f"CUS-{number}", name=f"Nora Quist {number}", email=f"nora.{number}@example.com"
    )
    order = SeedOrder(f"ORD-{number}", seed.reference, "delivered", 6, (("COF-TIDE", 1),))
    write_shop.BY_REFERENCE[seed.reference] = seed
    now = timezone.now()
    with acting(Actor.system("seed")), audit_log.transaction():
        write_shop._account(seed, now).save()
        write_shop.write_orders([order], now)
    return {"reference": seed.reference, "name": seed.name, "order": order.order_id, "jwt": token(seed.reference)}


def new_colleague(username: str, team: str) -> None:
    """One more supervisor, who decides for one team."""
    login = DemoLogin(username, "Sami", "Virtanen", "Supervisor", (team,), "is the second person")
    _person(login, make_password(PASSWORD))


def token(reference: str, *, lives: int = 1800, secret: str = "") -> str:
    """What the shop's server signs; `secret` replaces its key, a negative `lives` has expired already."""
    key = WidgetApp.objects.get(app_id=APP).keys.in_use().get()
    account = Account.objects.get(reference=reference)
    now = int(time.time())
    claims = {
        "sub": reference,
        "name": account.name,
        "email": account.email,
        "aud": APP,
        "iat": now + min(lives, 0) - 60,
        "exp": now + lives,
    }
    return jwt.encode(claims, secret or unseal(key.sealed_secret), algorithm="HS256", headers={"kid": key.kid})


def refunds(order: str) -> list[int]:
    """The amounts that went back for an order, in minor units."""
    return list(Refund.objects.filter(order__order_id=order).values_list("amount_minor", flat=True))


def facts_of(reference: str) -> dict[str, Any]:
    """The newest request, run and ticket of a customer, and what they have said, as the database has it."""
    ticket = Ticket.objects.filter(customer__reference=reference).order_by("-pk").first()
    if ticket is None:
        return {"ticket": "", "run": "", "approval": 0, "said": []}
    request = ApprovalRequest.objects.filter(ticket=ticket).order_by("-pk").first()
    run = ticket.runs.order_by("-created_at").first()
    said = ticket.messages.filter(kind=Message.Kind.CUSTOMER).order_by("seq").values_list("body", flat=True)
    return {
        "ticket": ticket.number,
        "run": str(run.pk) if run else "",
        "approval": request.pk if request else 0,
        "said": list(said),
    }


def ask_for_refund(customer: dict[str, str]) -> None:
    """The customer's message, as if the widget had sent it."""
    who, _ = Customer.objects.get_or_create(
        reference=customer["reference"], defaults={"name": customer["name"], "email": "nora@example.com"}
    )
    tickets.receive_message(
        customer=who,
        body=f"Order {customer['order']} arrived chipped. I would like my money back, please.",
        client_message_id=f"backstage-{time.monotonic_ns()}",
        assurance=Ticket.Assurance.VERIFIED,
    )


def approve(pk: int, username: str) -> None:
    request = ApprovalRequest.objects.get(pk=pk)
    approvals.approve(request=request, by=User.objects.get(username=username), shown_digest=request.digest)
    live.flush(2)


def draw_labels() -> list[int]:
    """What people are to judge of this week's work so far, as if the week were over; actions first."""
    now = timezone.now()
    sampling.draw_week(sampling.monday(now), now=now + 2 * sampling.WEEK)
    return list(SampledItem.objects.order_by("stratum__kind", "pk").values_list("pk", flat=True))


def reply(ticket: str, body: str) -> None:
    """A reply of the agent with exactly these words, whatever a model would say."""
    agent = User.objects.get(username="agent-triage")
    tickets.post_reply(ticket=Ticket.objects.get(number=ticket), body=body, actor=agent, author_name="Triage")
    live.flush(2)


def close(ticket: str) -> None:
    """A colleague ends the conversation."""
    by = User.objects.get(username="supervisor")
    tickets.close(ticket=Ticket.objects.get(number=ticket), by=by, outcome="by_ai")
    live.flush(2)


def rating_of(ticket: str) -> list[Any]:
    """Score and comment, as they were kept; empty for none."""
    return list(Rating.objects.filter(ticket__number=ticket).values_list("score", "comment"))


def time_to_decide(seconds: float) -> None:
    """How long new refund requests may wait from now on."""
    for rule in ApprovalPolicy.objects.filter(tool__qualified_name="store__issue_refund", outcome="approve"):
        rule.expires_after = timedelta(seconds=seconds)
        rule.save()


def care(tier: str, undo_seconds: int = 8) -> None:
    """How much care new refund requests take from now on."""
    rule = ApprovalPolicy.objects.get(name="Every refund is seen by a person")
    rule.tier, rule.undo_seconds = tier, undo_seconds
    rule.save()


def connect(url: str, oauth: dict[str, str]) -> int:
    """Register the billing service of tests/mcp and import its tools; the row of the one that credits money."""
    server = MCPServer.objects.create(name="ledgerly", title="Ledgerly", transport="http", url=url, **oauth)
    importing.import_tools(server)
    read = server.tools.get(name="fetchInvoice")
    read.effect, read.tool_class, read.impact, read.reversible = "READ", "read", "none", "yes"
    read.ownership, read.requires_verified, read.enabled = "checked", True, True
    read.owner_path, read.result_path, read.masks = "buyer.customerNo", "data", ["buyer.card.number"]
    read.bound_arguments = {"tenant": {"const": "shop-7"}}
    read.save()
    return server.tools.get(name="createCreditNote").pk


def change_definition(pk: int) -> None:
    """As an import leaves a tool whose server describes it otherwise than before."""
    tool = Tool.objects.get(pk=pk)
    words = tool.description.replace("never credits twice", "credits again after a day")
    tool.definition = {**tool.definition, "description": words}
    tool.description, tool.definition_hash = words, imported_hash(tool.definition)
    tool.save()


VERBS: dict[str, Callable[..., Any]] = {
    verb.__name__: verb
    for verb in (
        new_customer,
        new_colleague,
        token,
        refunds,
        facts_of,
        ask_for_refund,
        approve,
        draw_labels,
        reply,
        close,
        rating_of,
        time_to_decide,
        care,
        connect,
        change_definition,
    )
}


def main() -> None:
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        try:
            answer = {"result": VERBS[verb](**arguments)}
        except Exception as problem:
            answer = {"error": f"{verb}: {problem!r}"}
        print(json.dumps(answer), flush=True)  # noqa: T201 - this is the answer


if __name__ == "__main__":
    main()
