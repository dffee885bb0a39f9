"""The widget's signing secrets at rest: encrypted, because HS256 needs them back in the clear."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from supportagent.environment import derive_key


class SecretUnreadable(Exception):
    """The secret was sealed under a SECRET_KEY that this process does not have; issue a new key."""


def seal(secret: str) -> str:
    return _boxes().encrypt(secret.encode()).decode("ascii")


def unseal(sealed: str) -> str:
    """Raises SecretUnreadable when neither SECRET_KEY nor one of its fallbacks sealed this."""
    try:
        return _boxes().decrypt(sealed.encode("ascii")).decode()
    except (InvalidToken, UnicodeError) as error:
        raise SecretUnreadable("a widget key was sealed under another SECRET_KEY") from error


def _boxes() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_fernet_key(key)) for key in keys])


def _fernet_key(secret_key: str) -> bytes:
    return base64.urlsafe_b64encode(bytes.fromhex(derive_key(secret_key, "widget signing keys")))
