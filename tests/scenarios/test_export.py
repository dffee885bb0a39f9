"""A real conversation, saved from its page as a scenario, ends the same way when it is played."""

import io
from pathlib import Path
from uuid import uuid4

from django.core.management import call_command
from django.test import Client

from approvals import services as approvals
from approvals.models import ApprovalRequest
from supportagent.demo.play import drive_until_idle
from supportagent.staff.models import User
from supportagent.store.models import Account, Order
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Customer, Ticket


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
