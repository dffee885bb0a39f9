"""The two tokens of the widget: the shop's signed statement who its customer is, and our session token."""

import hashlib
import logging
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass
from typing import Any

import jwt

from supportagent.widget.models import WidgetApp, WidgetKey
from supportagent.widget.vault import SecretUnreadable, unseal

logger = logging.getLogger(__name__)

ALGORITHM = "HS256"
MAX_LIFETIME_SECONDS = 3600
CLOCK_SKEW_SECONDS = 5
MAX_JWT_LENGTH = 4096
MAX_SUBJECT_LENGTH = 40
VISITOR_PREFIX = "anon-"  # The references that we make up for visitors; no shop may claim to be one.
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")


class IdentityRefused(Exception):
    """The signed identity is not believed. `code` is safe to show: token_expired or token_invalid."""

    def __init__(self, reason: str, code: str = "token_invalid") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True)
class Identity:
    """What the shop's server vouches for. `subject` is compared byte for byte, never folded or trimmed."""

    subject: str
    name: str
    email: str


def verify_identity(app: WidgetApp, token: str) -> Identity:
    """Check a JWT of the shop's server: HS256, known key id, audience, at most an hour of life, a subject.

    Raises IdentityRefused for everything else, and logs why without the token or the person.
    """
    try:
        return _identity(_claims(app, token))
    except IdentityRefused as refusal:
        logger.warning("widget identity refused: app=%s reason=%s", app.app_id, refusal.reason)
        raise


def _claims(app: WidgetApp, token: str) -> dict[str, Any]:
    if len(token) > MAX_JWT_LENGTH:
        raise IdentityRefused("too_long")
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _secret(app, jwt.get_unverified_header(token).get("kid")),
            algorithms=[ALGORITHM],
            audience=app.app_id,
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": ["sub", "exp", "aud"], "strict_aud": True},
        )
    except jwt.ExpiredSignatureError as error:
        raise IdentityRefused("expired", "token_expired") from error
    except jwt.PyJWTError as error:
        raise IdentityRefused(type(error).__name__) from error
    except (ValueError, TypeError, OverflowError, RecursionError, AttributeError) as error:
        # Claims of odd types ("exp": Infinity) come out of the library as plain Python errors.
        raise IdentityRefused("malformed") from error
    if int(claims["exp"]) > time.time() + MAX_LIFETIME_SECONDS + CLOCK_SKEW_SECONDS:
        raise IdentityRefused("lives_too_long")
    return claims


def _secret(app: WidgetApp, key_id: object) -> str:
    if not isinstance(key_id, str) or not _KEY_ID.match(key_id):
        raise IdentityRefused("odd_key_id")
    key = WidgetKey.objects.in_use().filter(app=app, kid=key_id).first()
    if key is None:
        raise IdentityRefused("unknown_key_id")
    try:
        return unseal(key.sealed_secret)
    except SecretUnreadable as error:
        raise IdentityRefused("unreadable_key") from error


def _identity(claims: dict[str, Any]) -> Identity:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH:
        raise IdentityRefused("odd_subject")
    if subject.startswith(VISITOR_PREFIX) or any(unicodedata.category(char)[0] == "C" for char in subject):
        raise IdentityRefused("odd_subject")
    return Identity(subject, _label(claims.get("name"), 120), _email(claims.get("email")))


def _label(value: object, length: int) -> str:
    """A display name from the shop, without control characters; never an identity."""
    if not isinstance(value, str):
        return ""
    return "".join(char for char in value if unicodedata.category(char)[0] != "C")[:length].strip()


def _email(value: object) -> str:
    email = _label(value, 254)
    return email if "@" in email else ""


def new_session_token() -> str:
    return secrets.token_urlsafe(32)


def hash_session_token(token: str) -> str:
    """How a session token is kept. It has 256 random bits, so a plain hash cannot be searched."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
