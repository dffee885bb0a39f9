"""Open, resume and end the session of one browser."""

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from supportagent.tickets.models import Customer
from supportagent.widget.errors import Refused, unauthenticated
from supportagent.widget.models import WidgetApp, WidgetSession
from supportagent.widget.tokens import (
    VISITOR_PREFIX,
    Identity,
    IdentityRefused,
    hash_session_token,
    new_session_token,
    verify_identity,
)

logger = logging.getLogger(__name__)

VERIFIED_FOR = timedelta(hours=12)
ANONYMOUS_FOR = timedelta(days=30)
MAX_TOKEN_LENGTH = 128


@dataclass(frozen=True)
class Opened:
    """A usable session. `refusal` says why the shop's identity was not believed, "" when it was or none came."""

    session: WidgetSession
    token: str
    refusal: str

    @property
    def identity(self) -> str:
        """`verified`, `not_verified` (an identity was sent and refused) or `anonymous`."""
        if self.session.is_verified:
            return "verified"
        return "not_verified" if self.refusal else "anonymous"


def open_session(*, app: WidgetApp, user_jwt: str = "", token: str = "") -> Opened:
    """Resume the session behind `token` or open a new one.

    A verified session lives on only while the shop vouches for the same customer: without a valid JWT it is
    not resumed, so whoever uses the browser next does not read it. An anonymous conversation never becomes
    a customer's by logging in. Raises Refused 403 when a valid JWT of one customer comes with the session
    of another.
    """
    identity, refusal = _believed(app, user_jwt)
    current = _resumable(app, token)
    if identity is None:
        return _open_anonymous(app, token, current, refusal)
    if current is not None and current.is_verified:
        if current.customer.reference != identity.subject:
            logger.warning("widget session of another customer refused: app=%s", app.app_id)
            raise Refused(403, "other_customer", "This session belongs to somebody else.")
        return Opened(current, token, "")
    return _create(app, _known_customer(identity), WidgetSession.Assurance.VERIFIED)


def authenticate(*, app_id: str, token: str) -> WidgetSession:
    """The live session behind a token. Raises Refused 401 without one, 403 when it is another app's."""
    session = _alive(token)
    if session is None:
        raise unauthenticated()
    if session.app.app_id != app_id:
        raise Refused(403, "other_app", "This session belongs to another site.")
    return session


def end_session(session: WidgetSession) -> None:
    WidgetSession.objects.filter(pk=session.pk, revoked_at=None).update(revoked_at=timezone.now())


def _believed(app: WidgetApp, user_jwt: str) -> tuple[Identity | None, str]:
    if not user_jwt:
        return None, ""
    try:
        return verify_identity(app, user_jwt), ""
    except IdentityRefused as refusal:
        return None, refusal.code


def _resumable(app: WidgetApp, token: str) -> WidgetSession | None:
    session = _alive(token) if token else None
    return session if session is not None and session.app_id == app.pk else None


def _alive(token: str) -> WidgetSession | None:
    if not 0 < len(token) <= MAX_TOKEN_LENGTH:
        return None
    sessions = WidgetSession.objects.alive().select_related("app__team", "customer")
    return sessions.filter(token_hash=hash_session_token(token)).first()


def _open_anonymous(app: WidgetApp, token: str, current: WidgetSession | None, refusal: str) -> Opened:
    if current is not None and not current.is_verified:
        return Opened(current, token, refusal)
    if current is not None:
        end_session(current)
    with transaction.atomic():
        visitor = Customer.objects.create(reference=f"{VISITOR_PREFIX}{uuid.uuid4().hex}", name="Visitor")
        opened = _create(app, visitor, WidgetSession.Assurance.ANONYMOUS)
    return Opened(opened.session, opened.token, refusal)


def _create(app: WidgetApp, customer: Customer, assurance: WidgetSession.Assurance) -> Opened:
    token = new_session_token()
    lifetime = VERIFIED_FOR if assurance == WidgetSession.Assurance.VERIFIED else ANONYMOUS_FOR
    session = WidgetSession.objects.create(
        app=app,
        customer=customer,
        token_hash=hash_session_token(token),
        assurance=assurance,
        expires_at=timezone.now() + lifetime,
    )
    return Opened(session, token, "")


def _known_customer(identity: Identity) -> Customer:
    """The customer with exactly this reference. What the help desk already knows is not overwritten."""
    customer, _created = Customer.objects.get_or_create(
        reference=identity.subject, defaults={"name": identity.name or identity.subject, "email": identity.email}
    )
    return customer
