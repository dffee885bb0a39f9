"""Judging one item after the other: what is shown, what is not, and what the page answers to bad wishes."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.test import Client

from agents.models import ToolCall
from approvals import services as approvals
from approvals.models import ApprovalDecision, ApprovalRequest
from audit import verification
from audit.models import AuditEntry
from supportagent.quality import services
from supportagent.quality.models import Label, SampledItem
from supportagent.staff.models import User
from supportagent.tickets import services as tickets
from tests.approvals.desk import colleague, open_as
from tests.quality.drawn import draw_now, play_refund
from tests.tickets.races import at_once
from tests.world import DONE, World, build_world

APPROVERS_WORDS = "The invoice number matches"
LABELLERS_WORDS = "Seventeen euros would have done"


@pytest.fixture
def refund(world: World, settings: Any) -> SampledItem:
    """A refund that Ana approved with a note, drawn to be judged by two people."""
    settings.LABELS_TWICE_PERCENT = 100

    def approve(request: ApprovalRequest) -> None:
        approvals.approve(request=request, by=world.ana, shown_digest=request.digest, reason=APPROVERS_WORDS)

    call = play_refund(world, approve)
    assert draw_now() == 3  # the note, the refund, the run
    return SampledItem.objects.get(call=call)


def address(item: SampledItem, verb: str = "") -> str:
    return f"/console/labels/{item.pk}/{verb}"


def judge(client: Client, item: SampledItem, verdict: str = "right", **fields: str) -> Any:
    return client.post(address(item, "label/"), {"verdict": verdict, **fields})


def text(answer: Any) -> str:
    """The page without what differs between two fetches of the same."""
    page = re.sub(r'("X-CSRFToken": |name="csrfmiddlewaretoken" value=)"[^"]*"', "", answer.content.decode())
    return re.sub(r"<time [^>]*>[^<]*</time>", "", page)


def open_item(client: Client) -> str:
    return re.search(r'id="item-(\d+)"', client.get("/console/labels/").content.decode())[1]  # type: ignore[index]


def test_the_labeller_sees_what_the_agent_saw_and_proposed(world: World, refund: SampledItem) -> None:
    page = text(open_as(colleague(world.ana)).get(address(refund)))
    assert "Please refund ORD-1042, it arrived broken." in page
    assert "Issue refund EUR 84.00 · ORD-1042" in page
    assert "card •4242" in page  # the facts of that moment
    assert "store__get_order" in page  # what it had looked up
    assert "arrived broken" in page
    assert DONE not in page  # said afterwards
    run = SampledItem.objects.get(call=None)
    whole = text(open_as(colleague(world.ana, "Cleo Brandt")).get(address(run)))
    assert DONE in whole
    assert "Add internal note" in whole and "Issue refund EUR 84.00" in whole
    note = SampledItem.objects.exclude(call=None).exclude(call=refund.call).get()
    assert "Carried out without a person." in text(open_as(colleague(world.ana, "Dora Elm")).get(address(note)))


def test_personal_data_is_hidden_from_who_may_not_see_it(world: World, refund: SampledItem) -> None:
    berta = colleague(world.ana)
    role = Group.objects.create(name="Reviewer")
    role.permissions.set(Group.objects.get(name="Supervisor").permissions.exclude(codename="view_pii"))
    berta.groups.set([role])
    for item in SampledItem.objects.all():
        page = text(open_as(berta).get(address(item)))
        assert "Hidden: your role does not see personal data." in page
        for hidden in ("arrived broken", "ORD-1042", "4242", "Photo was sent", DONE):
            assert hidden not in page


def test_the_page_is_the_same_whatever_a_colleague_or_an_approver_said(world: World, refund: SampledItem) -> None:
    """Blindness of the page: not a letter of it depends on anybody's verdict, nor on whether there is one."""
    berta, cleo = colleague(world.ana), colleague(world.ana, "Cleo Brandt")
    reader = open_as(berta)
    before = {item.pk: text(reader.get(address(item))) for item in SampledItem.objects.all()}
    queue = text(reader.get("/console/labels/"))
    for item in SampledItem.objects.all():
        services.label(item=item, by=cleo, verdict="wrong", reason="not_asked", words=LABELLERS_WORDS)
    after = {item.pk: text(reader.get(address(item))) for item in SampledItem.objects.all()}
    assert after == before
    assert text(reader.get("/console/labels/")) == queue

    ToolCall.objects.filter(pk=refund.call_id).update(state="REFUSED", code="rejected", result={"error": "rejected"})
    ApprovalRequest.objects.update(state="REJECTED")
    ApprovalDecision.objects.update(verdict="reject", reason="No photo", customer_text="We need a photo")
    assert {item.pk: text(reader.get(address(item))) for item in SampledItem.objects.all()} == before
    for told in (APPROVERS_WORDS, world.ana.display_name, LABELLERS_WORDS, cleo.display_name):
        assert not any(told in page for page in before.values())


def test_no_answer_of_what_the_page_posts_to_tells_what_others_said(world: World, refund: SampledItem) -> None:
    """Blindness of the endpoints: refused, repeated, skipped or kept, with an item that others judged already."""
    berta, cleo, dora = (colleague(world.ana, name) for name in ("Berta Klein", "Cleo Brandt", "Dora Elm"))
    for other in (cleo, dora):
        services.label(item=refund, by=other, verdict="wrong", reason="not_asked", words=LABELLERS_WORDS)
    reader = open_as(berta)
    answers = [
        judge(reader, refund, "wrong"),
        judge(reader, refund, "perhaps"),
        reader.post(address(refund, "skip/"), follow=True),
        # Two labels were wanted and two are there; that a third is refused would tell.
        reader.post(address(refund, "label/"), {"verdict": "right"}, headers={"HX-Request": "true"}, follow=True),
        judge(reader, refund),
        reader.get("/console/labels/results/"),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 200, 200, 409, 200]
    secrets = (APPROVERS_WORDS, LABELLERS_WORDS, "not_asked", *(p.display_name for p in (world.ana, cleo, dora)))
    for answer in answers:
        body = text(answer).replace('<option value="not_asked">', "")
        assert not [secret for secret in secrets if secret in body]
        for header in answer.headers.values():
            assert not [secret for secret in secrets if secret in header]
    assert refund.labels.count() == 3


def test_a_label_is_kept_with_its_reason_and_the_next_item_comes_at_once(world: World, refund: SampledItem) -> None:
    berta = colleague(world.ana)
    client = open_as(berta)
    assert "3 to judge" in text(client.get("/console/labels/"))
    first = open_item(client)
    answer = client.post(f"/console/labels/{first}/label/", {"verdict": "right", "words": " fine "}, follow=True)
    assert "2 to judge" in text(answer)
    second = open_item(client)
    assert client.post(f"/console/labels/{second}/skip/", follow=True).status_code == 200
    third = open_item(client)
    assert len({first, second, third}) == 3
    wrong = {"verdict": "wrong", "reason": "wrong_details", "words": LABELLERS_WORDS}
    client.post(f"/console/labels/{third}/label/", wrong)
    assert open_item(client) == second  # skipped, not gone
    client.post(f"/console/labels/{second}/skip/")
    assert open_item(client) == second
    client.post(f"/console/labels/{second}/label/", {"verdict": "right", "reason": "not_asked"})
    assert "All labelled" in text(client.get("/console/labels/"))

    kept = {(str(each.item_id), each.right, each.reason, each.words) for each in Label.objects.filter(by=berta)}
    assert kept == {
        (first, True, "", "fine"),
        (third, False, "wrong_details", LABELLERS_WORDS),
        (second, True, "", ""),
    }
    entries = AuditEntry.objects.filter(action="quality.item.labelled")
    assert entries.count() == 3
    assert not any(b"Seventeen" in bytes(entry.leaf) for entry in entries)
    assert verification.verify().ok


def test_bad_input_is_422_a_second_label_409_and_what_is_not_for_somebody_404(
    world: World, refund: SampledItem
) -> None:
    client = open_as(colleague(world.ana))
    for fields, said in (
        ({"verdict": ""}, "Say whether it was right or wrong."),
        ({"verdict": "wrong"}, "Choose what was wrong."),
        ({"verdict": "wrong", "reason": "bad mood"}, "Choose what was wrong."),
        ({"verdict": "wrong", "reason": "other", "words": " \0 "}, "Say in your own words"),
        ({"verdict": "right", "words": "x" * 1001}, "At most 1000 characters"),
    ):
        answer = client.post(address(refund, "label/"), fields)
        assert answer.status_code == 422
        assert said in text(answer)
        assert f'id="item-{refund.pk}"' in text(answer)  # the same item, with what was typed
    assert not Label.objects.exists()
    assert judge(client, refund).status_code == 302
    again = judge(client, refund, "wrong", reason="not_asked")
    assert again.status_code == 409
    assert "You have judged this one already" in text(again)
    assert Label.objects.get().right

    # Of another team, decided by herself, and nothing at all; by every door.
    for person, item in ((world.piet, refund.pk), (world.ana, refund.pk), (colleague(world.ana, "Cleo Brandt"), 10**8)):
        other = open_as(person)
        doors = [other.get(f"/console/labels/{item}/")]
        doors += [other.post(f"/console/labels/{item}/{verb}/", {"verdict": "right"}) for verb in ("label", "skip")]
        assert [door.status_code for door in doors] == [404] * 3
        if item == refund.pk:
            assert "All labelled" in text(other.get("/console/labels/"))


def test_nobody_judges_what_they_worked_on(world: World, refund: SampledItem) -> None:
    ticket = refund.run.ticket
    wrote, holds, clean = (colleague(world.ana, name) for name in ("Berta Klein", "Cleo Brandt", "Dora Elm"))
    tickets.add_note(ticket=ticket, body="Called her", actor=wrote)
    tickets.take_over(ticket=ticket, by=holds)
    answers = [open_as(person).get(address(refund)).status_code for person in (wrote, holds, clean)]
    assert answers == [404, 404, 200]


def test_agents_and_those_without_the_right_never_label(world: World, refund: SampledItem) -> None:
    service = User.objects.create(username="agent-judge", kind=User.Kind.SERVICE)
    service.groups.add(Group.objects.get(name="Supervisor"))
    for person in (service, world.rosa, world.auditor):
        client = open_as(person)
        assert client.get("/console/labels/").status_code == 403
        assert judge(client, refund).status_code == 403
    with pytest.raises(PermissionDenied):
        services.label(item=refund, by=service, verdict="right")


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_leave_one_label(settings: Any, tmp_path: Any) -> None:
    world = build_world(settings, tmp_path)
    play_refund(world, world.approve)
    draw_now()
    item = SampledItem.objects.get(call=None)
    berta = colleague(world.ana)
    clients = [open_as(berta) for _ in range(3)]
    answers = at_once(*[lambda client=client: judge(client, item).status_code for client in clients])
    assert sorted(answers) == [302, 409, 409]
    item.refresh_from_db()
    assert (item.labels.count(), item.given) == (1, 1)
