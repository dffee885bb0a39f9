"""A real conversation, saved from its page as a scenario, ends the same way when it is played."""

import io
from pathlib import Path
from uuid import uuid4

from django.core.management import call_command
from django.test import Client

from approvals import services as approvals
from approvals.models import ApprovalRequest
from supportagent.demo.play import drive_until_idle
from supportagent.demo.rehearsal.acts import perform
from supportagent.demo.rehearsal.casting import BY_THE_OFFLINE_MODEL
from supportagent.demo.rehearsal.scripts import FOLDER
from supportagent.demo.rehearsal.stage import staged
from supportagent.rehearsal.exporting import export
from supportagent.rehearsal.scripts import StepScript, parse, read
from supportagent.staff.models import User
from supportagent.store.models import Account, Order
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Customer, Ticket

TOLD_AGAIN = (
    "ask_the_agent_for_a_draft",
    "change_of_address",
    "closed_as_resolved_by_a_person",
    "draft_mode",
    "draft_thrown_away",
    "draft_to_approve",
    "hand_back_with_a_brief",
    "nobody_is_here",
    "refund_above_500_takes_two",
    "refund_expired",
    "refund_rejected",
    "sorted_by_a_person",
)


def test_a_refund_that_happened_is_saved_and_plays_to_the_same_end(tmp_path: Path) -> None:
    busy = Ticket.objects.open().values("customer__reference")
    orders = Order.objects.filter(status="delivered", refunds=None, shipping_minor=0, payments__amount_minor__lt=40_000)
    order = orders.exclude(account__reference__in=busy).earliest("pk")
    account = Account.objects.get(pk=order.account_id)
    customer, _ = Customer.objects.get_or_create(
        reference=account.reference, defaults={"name": account.name, "email": account.email}
    )
    supervisor = User.objects.get(username="supervisor")
    message, _ = tickets.receive_message(
        customer=customer,
        body=f"Hello, {account.name} here. My order {order.order_id} arrived broken. I would like my money back.",
        client_message_id=uuid4().hex,
        channel="email",
        assurance="verified",
    )
    drive_until_idle(message.ticket)
    request = ApprovalRequest.objects.pending().get(ticket=message.ticket)
    approvals.approve(request=request, by=supervisor, shown_digest=request.digest)
    drive_until_idle(message.ticket)
    tickets.close(ticket=message.ticket, by=supervisor, outcome="with_help")

    client = Client()
    client.force_login(supervisor)
    answer = client.post(f"/console/tickets/{message.ticket.number}/scenario/")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert not [word for word in (account.name, account.email, order.order_id, account.reference) if word in text]
    path = tmp_path / "a_refund.toml"
    path.write_text(text, "utf-8")
    out = io.StringIO()
    call_command("run_scenarios", "--from", str(path), stdout=out)
    assert "pass  a_refund" in out.getvalue() and "triage > billing" in out.getvalue(), text
    assert 'order = [{ name = "ORDER", refunded = ' in text
    assert 'calls issue_refund {"amount_minor"' in text and "issue_refund waits for an approval: rule" in text


def test_what_people_did_is_exported_as_the_steps_that_it_was_played_from() -> None:
    """Scenarios of drafts, hand-overs, sorting, expiry and two approvals, each exported while it is on the stage."""
    for name in TOLD_AGAIN:
        played = read(FOLDER / f"{name}.toml")
        with staged(played, BY_THE_OFFLINE_MODEL) as stage:
            for step in played.steps:
                perform(stage, step)
            Ticket.objects.filter(pk=stage.ticket.pk).update(state="RESOLVED")
            text = export(ticket=stage.ticket, by=stage.people["supervisor"])
            assert not [word for word in (stage.customer.reference, "sam.", "Sam Scenario") if word in text], text
        exported = parse(text, name=name)
        assert [_told(step) for step in exported.steps] == [_told(step) for step in played.steps], text
        for field in ("route", "category", "team", "approvals", "handed_over", "drafts", "order"):
            wanted = getattr(played.expected, field)
            assert not wanted or getattr(exported.expected, field) == wanted, (name, field, text)
        assert set(played.expected.called) <= set(exported.expected.called)


def _told(step: StepScript) -> tuple[str, ...]:
    """A step without a customer's words, which may be cut. Whoever rejects, approves or acts is a colleague."""
    who = step.who if step.who in ("customer", "time") else "colleague"
    words = "" if who == "customer" else step.what
    return (who, words, step.because, step.outcome, step.category, step.team, step.channel)
