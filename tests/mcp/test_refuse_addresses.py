"""An imported server is reached where it was checked to be, and nowhere inside our own network."""

import socket
from typing import Any

import pytest

from agents.mcp.client import NotExecuted
from tests.mcp.bank import Bank
from tests.mcp.conftest import call, server_row, tool_row


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/mcp",
        "https://127.0.0.1:{port}/mcp",
        "https://[::ffff:127.0.0.1]:{port}/mcp",
        "https://2130706433:{port}/mcp",
        "https://localhost:{port}/mcp",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/mcp",
        "https://[fe80::1]/mcp",
        "http://mcp.example.com/mcp",
        "file:///etc/passwd",
        "https://user:password@mcp.example.com/mcp",
    ],
)
def test_an_address_inside_our_network_is_never_connected_to(bank: Bank, settings: Any, url: str) -> None:
    settings.INTERNAL_HOSTS = []
    with pytest.raises(NotExecuted, match="refused"):
        call(tool_row(server_row(url=url.format(port=bank.port))))
    assert bank.lines() == []


def answering(*rounds: str) -> Any:
    """A name server that gives one number after the other, and the questions it was asked."""
    real, asked = socket.getaddrinfo, []

    def resolver(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in ("bank.example.com", b"bank.example.com"):
            return real(host, port, *args, **kwargs)
        asked.append(host)
        number = rounds[min(len(asked), len(rounds)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))]

    return resolver, asked


def test_a_name_that_turns_into_an_internal_number_is_refused(
    bank: Bank, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INTERNAL_HOSTS = []
    resolver, asked = answering("127.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with pytest.raises(NotExecuted, match="refused"):
        call(tool_row(server_row(url=f"https://bank.example.com:{bank.port}/mcp")))
    assert asked
    assert bank.lines() == []


def test_a_name_that_flips_between_listing_and_call_is_refused_before_the_call(
    bank: Bank, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handshake and the list go to the number that is allowed; then the name points inside our network."""
    settings.INTERNAL_HOSTS = [f"bank.example.com:{bank.port}"]
    from supportagent import addresses

    seen: list[str] = []
    real = addresses.resolve

    def resolve(host: str, port: int) -> Any:
        seen.append(host)
        if len(seen) > 2:
            settings.INTERNAL_HOSTS = []
        return real(host, port)

    resolver, _ = answering("127.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    monkeypatch.setattr(addresses, "resolve", resolve)
    with pytest.raises(NotExecuted, match="inside our own network"):
        call(tool_row(server_row(url=f"http://bank.example.com:{bank.port}/mcp")))
    assert bank.posts() == []


def test_the_checked_number_is_the_one_that_is_connected_to(
    bank: Bank, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection asks once; a name that answers differently the next time is checked then, not trusted."""
    settings.INTERNAL_HOSTS = [f"bank.example.com:{bank.port}"]
    resolver, asked = answering("127.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    assert call(tool_row(server_row(url=f"http://bank.example.com:{bank.port}/mcp"))).ok
    requests = len(asked)
    assert requests == len([host for host in asked if host == "bank.example.com"])
    assert len(bank.posts()) == 1
