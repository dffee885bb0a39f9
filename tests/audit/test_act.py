import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import AsyncRequestFactory, RequestFactory

from audit.context import Actor, NoActor, acting, current_actor, request_id
from audit.middleware import audit_context


def user(pk=7, kind="person"):
    return get_user_model()(pk=pk, kind=kind)


def test_a_person_an_agent_a_customer_and_a_part_of_the_product_act_under_their_own_kind():
    assert Actor.of(user()) == Actor("user", "7")
    assert Actor.of(user(kind="service")) == Actor("agent", "7")
    assert Actor.customer("CUS-1001") == Actor("customer", "CUS-1001")
    assert Actor.system("reaper") == Actor("system", "reaper")


def test_nobody_acts_by_default():
    with pytest.raises(NoActor):
        current_actor()
    with pytest.raises(NoActor):
        Actor.of(AnonymousUser())


def test_the_innermost_actor_counts_and_the_outer_one_comes_back():
    with acting(Actor.system("outer")):
        with acting(Actor.system("inner")):
            assert current_actor().id == "inner"
        assert current_actor().id == "outer"


def answer(request):
    return HttpResponse(f"{current_actor().type}:{current_actor().id} {request_id.get()}")


def test_a_request_acts_for_the_person_who_logged_in():
    request = RequestFactory().get("/", headers={"X-Request-ID": "abc-12345"})
    request.user = user()
    response = audit_context(answer)(request)
    assert response.content == b"user:7 abc-12345"
    assert response["X-Request-ID"] == "abc-12345"
    with pytest.raises(NoActor):
        current_actor()
    assert request_id.get() == ""


def test_the_user_is_not_loaded_when_nothing_is_recorded():
    request = RequestFactory().get("/")
    assert not hasattr(request, "user")
    assert audit_context(lambda _: HttpResponse("fine"))(request).content == b"fine"


@pytest.mark.parametrize("given", ["short", "x" * 65, "has space", "new\nline1", "ünïcödé-id", "a;drop-table", ""])
def test_a_request_id_of_another_form_is_replaced(given):
    request = RequestFactory().get("/", HTTP_X_REQUEST_ID=given)
    request.user = user()
    identity = audit_context(answer)(request)["X-Request-ID"]
    assert identity != given
    assert len(identity) == 32


async def test_an_asynchronous_request_carries_the_actor_into_synchronous_code():
    async def view(request):
        return await sync_to_async(answer)(request)

    request = AsyncRequestFactory().get("/", headers={"X-Request-ID": "abc-12345"})
    request.user = user(kind="service")
    response = await audit_context(view)(request)
    assert response.content == b"agent:7 abc-12345"
