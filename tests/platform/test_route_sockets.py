import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.layers import channel_layers
from django.core.asgi import get_asgi_application

from supportagent.routing import Sockets, build_application


@pytest.fixture(autouse=True)
def no_broker(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    channel_layers.backends.clear()
    yield
    channel_layers.backends.clear()


async def close_code(path: str, origin: str) -> int | None:
    """The code with which a socket to `path` is closed once open; None when it is refused before that."""
    headers = [(b"host", b"testserver"), (b"origin", origin.encode())]
    scope = {"type": "websocket", "path": path, "headers": headers, "query_string": b"", "subprotocols": []}
    socket = ApplicationCommunicator(Sockets(), scope)
    await socket.send_input({"type": "websocket.connect"})
    opened = await socket.receive_output(timeout=5)
    if opened["type"] == "websocket.close":
        return None
    return (await socket.receive_output(timeout=5))["code"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/ws/nowhere/", "/ws/widget/nowhere/"])
def test_a_socket_to_an_unknown_path_is_closed_with_a_code_of_its_own(path: str):
    assert async_to_sync(close_code)(path, "http://testserver") == 4404


@pytest.mark.django_db(transaction=True)
def test_a_staff_socket_from_another_site_is_refused_before_it_opens():
    assert async_to_sync(close_code)("/ws/nowhere/", "https://evil.example") is None


def test_the_server_is_told_when_starting_and_stopping_have_succeeded():
    async def life() -> list[str]:
        server = ApplicationCommunicator(build_application(get_asgi_application()), {"type": "lifespan"})
        said = []
        for event in ("startup", "shutdown"):
            await server.send_input({"type": f"lifespan.{event}"})
            said.append((await server.receive_output(timeout=5))["type"])
        await server.wait(timeout=5)
        return said

    assert async_to_sync(life)() == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
