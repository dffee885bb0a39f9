"""Where our processes may connect to when somebody typed the address into the admin: never into our own network.

An address is checked twice. When it is saved, without a network: its form, its scheme, and whether it plainly names
something internal. When it is connected to: the name is resolved once, every answer is checked, and the connection
goes to the checked number. Resolving a second time would let a name server answer differently (DNS rebinding).

`settings.INTERNAL_HOSTS` lists hosts (`crm`, `10.0.0.5:8080`) that are internal and meant to be reached.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

INTERNAL_SUFFIXES = (".localhost", ".local", ".localdomain", ".internal", ".intranet", ".lan", ".home.arpa", ".corp")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # the last 32 bits are an IPv4 address
# Not reachable from everywhere, and not in the tables of every Python we run on.
_LOCAL = tuple(ipaddress.IPv6Network(each) for each in ("64:ff9b:1::/48", "2001::/23", "3fff::/20", "5f00::/16"))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolved = tuple[int, tuple[Any, ...]]


class AddressRefused(ValueError):
    """An address that is malformed or leads into our own network; the text is fit for whoever typed it."""


class Target(NamedTuple):
    """A checked address, in parts. `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The value of the Host header: brackets around an IPv6 number, no standard port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


def check(url: str) -> Target:
    """What can be said about an address without a network; call it when one is saved and again before use.

    Plain http is for hosts of `settings.INTERNAL_HOSTS` only. Raises AddressRefused.
    """
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url) or "\\" in url:
        raise AddressRefused("The address holds spaces or characters that no address has.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("The address cannot be read.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressRefused("Write a whole address, like https://hooks.example.com/approvals.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("The address must not hold a user name or a password.")
    if parts.fragment:
        raise AddressRefused("The address must not hold a #fragment: no server would see it.")
    if port == 0:
        raise AddressRefused("There is no port 0.")
    host = _plain(parts.hostname)
    target = Target(
        parts.scheme,
        host,
        port or {"http": 80, "https": 443}[parts.scheme],
        (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )
    if not target.path.isascii():
        raise AddressRefused("Write letters beyond ASCII percent-encoded.")
    if is_listed(host, target.port):
        return target
    if parts.scheme == "http":
        raise AddressRefused("Only https is allowed, except to hosts listed in SUPPORTAGENT_INTERNAL_HOSTS.")
    if _names_internal(host):
        raise AddressRefused(_refusal(host))
    return target


def is_listed(host: str, port: int) -> bool:
    """Whether the setting names this host, on every port or on this one."""
    name = f"[{host}]" if ":" in host else host
    listed = {entry.lower().rstrip(".") for entry in settings.INTERNAL_HOSTS}
    return bool({host, name, f"{name}:{port}"} & listed)


def is_internal(address: str | Address) -> bool:
    """Whether a number is not plainly on the public internet: private, loopback, link-local, reserved, multicast."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0]) if isinstance(address, str) else address
    except ValueError:
        return True
    inner = _embedded(number)
    if inner is not None:
        return is_internal(inner)
    if isinstance(number, ipaddress.IPv6Address) and (number.is_site_local or any(number in net for net in _LOCAL)):
        return True
    return not number.is_global or number.is_multicast or number.is_reserved or number.is_unspecified


def resolve(host: str, port: int) -> list[Resolved]:
    """The numbers of a host that may be connected to, as (family, socket address). Asks DNS; blocks.

    Raises AddressRefused when any of them is internal and the host is not listed, OSError when there is none.
    """
    found = [(int(each[0]), each[4]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not is_listed(host, port) and any(is_internal(str(address[0])) for _, address in found):
        raise AddressRefused(_refusal(host))
    return found


def connect(host: str, port: int, *, seconds: float) -> socket.socket:
    """A connection to a checked number of this host, within so many seconds after DNS answered.

    Raises AddressRefused, OSError (TimeoutError included).
    """
    return connect_to(resolve(host, port), seconds=seconds)


def connect_to(addresses: Iterable[Resolved], *, seconds: float) -> socket.socket:
    """The first of these addresses that answers. The socket keeps what is left of the time as its timeout."""
    until = time.monotonic() + seconds
    problem: OSError = OSError("the host has no address")
    for family, address in addresses:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("no connection in time") from problem
        one = socket.socket(family, socket.SOCK_STREAM)
        try:
            one.settimeout(left)
            one.connect(address)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return one
        except OSError as failed:
            one.close()
            problem = failed
    raise problem


def _plain(host: str) -> str:
    """The host in lower case, in ASCII, without the dot of the root."""
    try:
        name = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise AddressRefused("The name of the host cannot be read.") from None
    return name.lower().rstrip(".")


def _names_internal(host: str) -> bool:
    """Without DNS: a number, in any way of writing one (0x7f.1, 2130706433), or a name of a local network."""
    try:
        numbers = socket.getaddrinfo(host, 0, flags=socket.AI_NUMERICHOST, type=socket.SOCK_STREAM)
    except OSError:
        return "." not in host or host.endswith(INTERNAL_SUFFIXES)
    return any(is_internal(str(each[4][0])) for each in numbers)


def _embedded(number: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside an IPv6 one, where a gateway or the host itself would use that one."""
    if not isinstance(number, ipaddress.IPv6Address):
        return None
    if number.ipv4_mapped is not None:
        return number.ipv4_mapped
    if number.sixtofour is not None:
        return number.sixtofour
    if number in _NAT64:
        return ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
    return None


def _refusal(host: str) -> str:
    return f"{host} is inside our own network. If it is meant to be reached, list it in SUPPORTAGENT_INTERNAL_HOSTS."
