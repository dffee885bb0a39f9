"""Issue, believe and revoke access tokens: what another program shows instead of a log-in."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import AccessToken, User

PREFIX = "sat_"  # so that scanners for leaked secrets, and people, recognise one
MAX_LIFETIME = timedelta(days=365)
USED_EVERY = timedelta(minutes=1)
ADMINISTER_PEOPLE = "staff.change_user"
MAX_LENGTH = 200


@dataclass(frozen=True)
class IssuedToken:
    """The only moment at which the token is in the clear: show it, do not keep it."""

    row: AccessToken
    token: str


def issue_token(*, user: User, by: User, name: str, scope: str, lifetime: timedelta) -> IssuedToken:
    """A token that acts as `user` on this installation's `/mcp`.

    Raises PermissionDenied where `by` may not issue for that account, and ValidationError for a lifetime of more than
    a year or an account that is not active.
    """
    if not may_issue_for(by, user):
        raise PermissionDenied("You may issue tokens for your own account only.")
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise ValidationError(f"A token lives at most {MAX_LIFETIME.days} days.")
    if not user.is_active:
        raise ValidationError("The account is not active.")
    token = PREFIX + secrets.token_urlsafe(32)
    with audit_log.transaction():
        row = AccessToken.objects.create(
            user=user,
            name=name,
            scope=AccessToken.Scope(scope),
            audience=settings.MCP_URL,
            token_hash=_digest(token),
            hint=token[-4:],
            expires_at=timezone.now() + lifetime,
            created_by=by,
        )
        _record("staff.token.issued", row, by, scope=row.scope, days=lifetime.days)
    return IssuedToken(row, token)


def revoke_token(*, token: AccessToken, by: User) -> bool:
    """From the next request on nobody believes it. False where it was revoked before. Raises PermissionDenied."""
    if not may_issue_for(by, token.user):
        raise PermissionDenied("You may revoke tokens of your own account only.")
    with audit_log.transaction():
        if not AccessToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()):
            return False
        _record("staff.token.revoked", token, by)
        return True


def may_issue_for(by: User, user: User) -> bool:
    """One's own always; others for who administers people, and only a superuser for a superuser."""
    if not by.is_active or by.is_service:
        return False
    if by.pk == user.pk or by.is_superuser:
        return True
    return by.has_perm(ADMINISTER_PEOPLE) and not user.is_superuser


def find_token(token: str) -> AccessToken | None:
    """The row of a token that is believed here and now, with its account.

    Unknown, expired, revoked, meant for another address, of an account that was deactivated: all of these cost the same
    one query, and the caller is told nothing about which it was.
    """
    known = AccessToken.objects.alive(settings.MCP_URL).select_related("user")
    return known.filter(token_hash=_digest(token[:MAX_LENGTH])).first()


def note_use(row: AccessToken) -> None:
    """Keep roughly when a token was last used: at most one write a minute, whatever the number of requests."""
    before = timezone.now() - USED_EVERY
    if row.last_used_at is None or row.last_used_at < before:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=before)
        AccessToken.objects.filter(unnoted, pk=row.pk).update(last_used_at=Now())


def _digest(token: str) -> str:
    """A token has 256 random bits, so a plain hash of it cannot be searched."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _record(action: str, row: AccessToken, by: User, **data: Any) -> None:
    account = Actor.of(row.user)
    audit_log.record(
        action,
        target=("access_token", str(row.pk)),
        actor=Actor.of(by),
        data=data,
        refs=[(account.type, account.id)],
    )
