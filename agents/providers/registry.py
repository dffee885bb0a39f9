"""Which provider serves an alias. Classes come from settings by dotted path, never from a row."""

import threading

from django.conf import settings
from django.utils.module_loading import import_string

from agents.providers.base import Provider, ProviderMisconfigured

_instances: dict[str, Provider] = {}
_lock = threading.Lock()


def get_provider(alias: str = "") -> Provider:
    """The process's one instance for `alias`, or for the default one where an agent names none.

    Raises ProviderMisconfigured for an unknown alias, and for demo and test providers in production.
    """
    alias = alias or settings.DEFAULT_MODEL_PROVIDER
    path = settings.MODEL_PROVIDERS.get(alias)
    if path is None:
        known = ", ".join(sorted(settings.MODEL_PROVIDERS))
        raise ProviderMisconfigured(f"There is no model provider {alias!r}; known: {known}.")
    with _lock:
        provider = _instances.get(path)
        if provider is None:
            provider = _instances[path] = _load(alias, path)
    if provider.demo and settings.PRODUCTION:
        raise ProviderMisconfigured(f"The model provider {alias!r} is a demo and does not serve in production.")
    return provider


def _load(alias: str, path: str) -> Provider:
    try:
        return import_string(path)()
    except ImportError as error:
        raise ProviderMisconfigured(f"The model provider {alias!r} cannot be loaded: {error}.") from error
