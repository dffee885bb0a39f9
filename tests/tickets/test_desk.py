import pytest
from django.core.exceptions import PermissionDenied
from guardian.shortcuts import assign_perm

from audit.models import AuditEntry
from audit.verification import Kind, verify
from supportagent.staff.models import Team, User
from supportagent.tickets import services
from supportagent.tickets.errors import InvalidMessage
from supportagent.tickets.models import HandOver, Message, TeamNotice, Ticket


def test_a_ticket_is_visible_to_its_team_and_to_nobody_else(cast):
    ours = cast.ticket()
    theirs = cast.ticket(customer=cast.visitor, assurance="anonymous", team=cast.partners)
    assert list(Ticket.objects.visible_to(cast.ana)) == [ours]
    assert list(Ticket.objects.visible_to(cast.piet)) == [theirs]
    assert not Ticket.objects.visible_to(User.objects.create_user("nobody")).exists()
    cast.ana.is_active = False
    assert not Ticket.objects.visible_to(cast.ana).exists()


def test_the_visible_tickets_take_one_query_however_many_teams(cast, django_assert_num_queries):
    for number in range(5):
        team = Team.objects.create(name=f"T{number}", slug=f"t{number}")
        assign_perm("staff.view_team", cast.ana, team)
        cast.ticket(customer=cast.visitor, team=team, assurance="anonymous")
        Ticket.objects.update(state="CLOSED")
    with django_assert_num_queries(1):
        assert len(Ticket.objects.visible_to(cast.ana)) == 5


def test_sorting_a_ticket(cast):
    sorted_one = services.categorise(ticket=cast.ticket(), category="return_refund", priority="high", actor=cast.agent)
    assert (sorted_one.category, sorted_one.priority) == ("return_refund", "high")


@pytest.mark.parametrize(("category", "priority"), [("refunds", "high"), ("payment", "asap"), ("", "")])
def test_a_category_or_priority_outside_the_vocabulary_is_refused(cast, category, priority):
    with pytest.raises(InvalidMessage):
        services.categorise(ticket=cast.ticket(), category=category, priority=priority, actor=cast.agent)


def test_an_internal_ticket_is_a_thread_of_its_own_that_no_customer_message_lands_in(cast):
    thread = cast.ticket()
    opened = services.open_ticket(
        customer=cast.customer,
        subject="Check the\u202e courier",
        body="Third parcel lost this week",
        category="complaint",
        actor=cast.agent,
        team=cast.orders,
    )
    assert (opened.channel, opened.subject) == ("internal", "Check the courier")
    assert [message.kind for message in opened.messages.all()] == ["NOTE"]
    assert cast.writes("And now?").ticket == thread


def test_a_ticket_is_opened_only_for_a_team_that_one_sees(cast):
    with pytest.raises(PermissionDenied):
        services.open_ticket(
            customer=cast.customer, subject="Hm", body="Hm", category="other", actor=cast.ana, team=cast.partners
        )
    assert not Ticket.objects.exists()


def test_another_team_reads_the_notice_but_not_the_ticket(cast):
    ticket = cast.ticket()
    services.notify_team(team=cast.partners, ticket=ticket, message="Courier trouble", actor=cast.agent)
    assert TeamNotice.objects.get().team == cast.partners
    assert not Ticket.objects.visible_to(cast.piet).exists()


def test_the_audit_finds_replies_and_hand_overs_that_no_entry_vouches_for(cast):
    ticket = cast.ticket()
    services.post_reply(ticket=ticket, body="It ships today.", actor=cast.agent)
    services.add_note(ticket=ticket, body="Note", actor=cast.agent)
    assert verify().findings == ()
    forged = Message.objects.create(ticket=ticket, seq=99, kind="PERSON", body="We owe you 800", author_type="user")
    HandOver.objects.create(ticket=ticket, reason_code="other", summary="x")
    findings = verify().findings
    assert {finding.kind for finding in findings} == {Kind.STATE_WITHOUT_ENTRY}
    assert any(f"message {forged.pk}" in finding.message for finding in findings)
    assert any("hand-over" in finding.message for finding in findings)


def test_no_entry_holds_what_was_written(cast):
    ticket = cast.ticket(body="My IBAN is PT50secret")
    services.post_reply(ticket=ticket, body="Thanks for PT50secret", actor=cast.agent)
    assert all(b"PT50secret" not in bytes(entry.leaf) for entry in AuditEntry.objects.all())
