"""Typed readers of the process environment, used by `settings.py` only.

Django imports settings from many doors (manage.py, the web server, a worker, a test run). A value that is
missing or malformed ends the process with one line on standard error, from whichever door it came in.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import environ

TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
VALKEY_TIMEOUT_SECONDS = 2
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")
# Scheme -> Django's backend, the usual port, and its settings for encryption. django-environ's own smtps is STARTTLS.
MAIL_SCHEMES: dict[str, tuple[str, int, dict[str, bool]]] = {
    "smtp": ("django.core.mail.backends.smtp.EmailBackend", 25, {}),
    "smtp+tls": ("django.core.mail.backends.smtp.EmailBackend", 587, {"EMAIL_USE_TLS": True}),
    "smtps": ("django.core.mail.backends.smtp.EmailBackend", 465, {"EMAIL_USE_SSL": True}),
    "console": ("supportagent.console.mail.BriefBackend", 0, {}),
    "off": ("django.core.mail.backends.dummy.EmailBackend", 0, {}),
}
VALKEY_SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix")
# Set by asgi.py and by the test run for the processes that they are or start; nobody writes them by hand.
OUTSIDE_SETTINGS = frozenset({"SUPPORTAGENT_PROCESS", "SUPPORTAGENT_TEST_ROOT"})


class SettingError(SystemExit):
    """A setting that cannot be used. Ends the process with exit code 1 and this one line."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Setting {name}: {problem} (see .env.example)")


class Environment:
    """Reads settings by name, remembers which names exist, and refuses what it cannot understand."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.known: set[str] = set(OUTSIDE_SETTINGS)

    @classmethod
    def from_process(cls, dotenv: Path) -> Environment:
        """The process environment; a `.env` file fills in what is not set there."""
        if dotenv.is_file():
            environ.Env.read_env(str(dotenv))
        return cls(os.environ)

    def raw(self, name: str) -> str | None:
        """The value as written; an empty one counts as not set."""
        self.known.add(name)
        return self.values.get(name, "").strip() or None

    def text(self, name: str, default: str = "") -> str:
        return self.raw(name) or default

    def required(self, name: str, why: str) -> str:
        if (value := self.raw(name)) is None:
            raise SettingError(name, f"is missing, {why}")
        return value

    def choice(self, name: str, default: str, options: Iterable[str]) -> str:
        value = self.text(name, default)
        if value not in options:
            raise SettingError(name, f"{value!r} is not one of {', '.join(options)}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = (self.raw(name) or "").lower()
        if value and value not in TRUE | FALSE:
            raise SettingError(name, f"{value!r} is neither on nor off")
        return value in TRUE if value else default

    def number(self, name: str, default: int, *, at_least: int = 0, at_most: int = 10**9) -> int:
        value = self.text(name, str(default))
        if not value.isascii() or not value.removeprefix("-").isdecimal() or not at_least <= int(value) <= at_most:
            raise SettingError(name, f"{value!r} is not a whole number from {at_least} to {at_most}")
        return int(value)

    def seconds(self, name: str, default: float, *, at_most: float = 3600) -> float:
        value = self.text(name, str(default))
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1
        if not 0 < seconds <= at_most:
            raise SettingError(name, f"{value!r} is not a number of seconds up to {at_most:g}")
        return seconds

    def names(self, name: str, default: Iterable[str] = ()) -> list[str]:
        """A comma-separated list."""
        value = self.raw(name)
        return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)

    def address(self, name: str, default: str = "") -> str:
        """An http or https address without a trailing slash."""
        value = self.text(name, default).rstrip("/")
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
            raise SettingError(name, f"{value!r} is not an address like https://console.example")
        return value

    def secret(self, name: str, default: str = "") -> str:
        """A secret given as NAME, or as NAME_FILE: the path of a file that holds it."""
        path, value = self.raw(f"{name}_FILE"), self.raw(name)
        if path is None:
            return value or default
        if value is not None:
            raise SettingError(name, f"is given twice, as {name} and as {name}_FILE")
        try:
            content = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise SettingError(f"{name}_FILE", f"{path!r} cannot be read: {type(problem).__name__}") from None
        if not content:
            raise SettingError(f"{name}_FILE", f"{path!r} is empty")
        return content

    def folder(self, name: str, default: Path) -> Path:
        """An existing or newly made folder, private to this user when new."""
        path = Path(self.text(name, str(default))).expanduser().resolve()
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as problem:
            raise SettingError(name, f"{str(path)!r} cannot be used as a folder: {problem.strerror}") from None
        return path

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Django's database settings from a URL. The URL may hold a password, so it is never repeated."""
        url = self.secret(name, default)
        if urlsplit(url).scheme not in DATABASE_SCHEMES:
            raise SettingError(name, "is not a URL like postgres://user:password@host:5432/name or sqlite:///path")
        try:
            parsed: dict[str, Any] = environ.Env.db_url_config(url)
        except (ValueError, environ.ImproperlyConfigured):
            raise SettingError(name, "cannot be parsed as a database URL") from None
        if not parsed.get("NAME"):
            raise SettingError(name, "names no database")
        return parsed

    def valkey(self, names: Iterable[str], default: str) -> str:
        """The address of Valkey or Redis from the first of `names` that is set, with bounded timeouts."""
        name, url = "VALKEY_URL", default
        for candidate in reversed(list(names)):
            if value := self.secret(candidate):
                name, url = candidate, value
        scheme = urlsplit(url).scheme
        if scheme not in VALKEY_SCHEMES:
            raise SettingError(name, "is not a URL like redis://host:6379/0 or unix:///path/to/socket?db=0")
        return bounded(url.replace("valkey", "redis", 1) if scheme.startswith("valkey") else url)

    def mail(self, name: str, default: str) -> dict[str, Any]:
        """Django's settings of the mail server from a URL. It may hold a password, so it is never repeated."""
        url = self.secret(name, default)
        parts = urlsplit(url if ":" in url else f"{url}:")
        if parts.scheme not in MAIL_SCHEMES:
            raise SettingError(name, "is not a URL like smtp+tls://user:password@host:587, nor console, nor off")
        backend, port, encryption = MAIL_SCHEMES[parts.scheme]
        try:
            host, given = parts.hostname or "", parts.port
        except ValueError:
            raise SettingError(name, "has a port that is not a number") from None
        if port and not host:
            raise SettingError(name, "names no mail server")
        return {
            "EMAIL_BACKEND": backend,
            "EMAIL_HOST": host,
            "EMAIL_PORT": given or port,
            "EMAIL_HOST_USER": unquote(parts.username or ""),
            "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
            "EMAIL_USE_TLS": False,
            "EMAIL_USE_SSL": False,
            **encryption,
        }

    def warn_unknown(self, prefix: str) -> None:
        """A misspelt setting would silently keep its default; say so."""
        known = self.known | {f"{name}_FILE" for name in self.known}
        for name in sorted(self.values):
            if name.startswith(prefix) and name not in known:
                warnings.warn(f"{name} is set but is not a setting of this project", stacklevel=2)


def named_secret(name: str) -> str:
    """A secret that a row of the database names and the environment holds, as NAME or NAME_FILE.

    Raises LookupError, which repeats neither the value nor the path.
    """
    try:
        if value := Environment(os.environ).secret(name):
            return value
    except SettingError:
        pass
    raise LookupError(f"{name} is not set, or its file cannot be read")


def bounded(url: str) -> str:
    """The same address with a time limit on connecting and on each answer, unless it names its own.

    redis-py waits 5 s by default: a stuck server would hold a web request for longer than people wait.
    """
    parts = urlsplit(url)
    limits = {"socket_timeout": VALKEY_TIMEOUT_SECONDS, "socket_connect_timeout": VALKEY_TIMEOUT_SECONDS}
    query = {**limits, **dict(parse_qsl(parts.query))}
    address = urlunsplit(parts._replace(query=urlencode(query)))
    # urlunsplit drops the empty host of unix:///path, which redis-py insists on.
    return address if "://" in address else address.replace(":", "://", 1)


def derive_key(secret: str, purpose: str) -> str:
    """A key for one purpose, from which neither the secret nor the key of another purpose follows.

    One block of HKDF-SHA256 (RFC 5869) without salt; hexadecimal.
    """
    pseudorandom = hmac.new(b"\0" * 32, secret.encode(), hashlib.sha256).digest()
    return hmac.new(pseudorandom, f"supportagent {purpose}\x01".encode(), hashlib.sha256).hexdigest()
