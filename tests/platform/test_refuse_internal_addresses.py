"""An address that an admin types is never a way into our own network."""

import socket
from typing import Any

import pytest

from supportagent import addresses
from supportagent.addresses import AddressRefused


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/hook",
        "https://127.1/hook",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://10.0.0.8/",
        "https://172.16.5.4/",
        "https://192.168.1.1:8443/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:a00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:53aa:64c::1]/",
        "https://[fe80::1]/",
        "https://[fec0::1]/",
        "https://[fd00::1]/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://１２７.0.0.1/",
        "https://valkey:6379/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "//hooks.example.com/",
        "hooks.example.com",
        "https:///nowhere",
        "https://user@hooks.example.com/",
        "https://hooks.example.com#@127.0.0.1/",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nHost: x",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://a..b/",
    ],
)
def test_an_internal_or_malformed_address_is_refused_when_it_is_saved(url: str) -> None:
    with pytest.raises(AddressRefused):
        addresses.check(url)


def test_a_public_address_is_taken_apart() -> None:
    target = addresses.check("https://Hooks.Example.com./in?team=1")
    assert target == ("https", "hooks.example.com", 443, "/in?team=1")
    assert target.host_header == "hooks.example.com"
    assert addresses.check("https://[2606:4700::1111]:8443").host_header == "[2606:4700::1111]:8443"
    assert addresses.check("https://bücher.example/").host == "xn--bcher-kva.example"


def test_a_listed_host_is_allowed_and_plain_http_with_it(settings: Any) -> None:
    settings.INTERNAL_HOSTS = ["127.0.0.1:8080", "CRM", "[::1]:9000"]
    assert addresses.check("http://127.0.0.1:8080/").port == 8080
    assert addresses.check("http://crm/").host == "crm"
    assert addresses.check("http://[::1]:9000/").host == "::1"
    for other in ("http://127.0.0.1:8081/", "http://[::1]:9001/"):
        with pytest.raises(AddressRefused):
            addresses.check(other)


def answers(*numbers: str) -> Any:
    """A resolver that gives these numbers, whatever it is asked."""

    def resolver(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in number], socket.SOCK_STREAM, 6, "", (number, port)) for number in numbers]

    return resolver


@pytest.mark.parametrize("numbers", [("127.0.0.1",), ("93.184.215.14", "10.0.0.1"), ("::ffff:192.168.0.1",)])
def test_a_public_name_that_resolves_to_an_internal_number_is_refused_when_connecting(
    monkeypatch: pytest.MonkeyPatch, numbers: tuple[str, ...]
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answers(*numbers))
    with pytest.raises(AddressRefused):
        addresses.connect("hooks.example.com", 443, seconds=1)


def test_the_connection_goes_to_the_number_that_was_checked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name server answers differently the second time; nobody asks it a second time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings.INTERNAL_HOSTS = [f"hooks.example.com:{port}"]
        monkeypatch.setattr(socket, "getaddrinfo", answers("127.0.0.1"))
        checked = addresses.resolve("hooks.example.com", port)
        monkeypatch.setattr(socket, "getaddrinfo", answers("192.0.2.1"))
        with addresses.connect_to(checked, seconds=5) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)
