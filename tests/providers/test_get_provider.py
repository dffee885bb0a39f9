import threading

import pytest

from agents.providers.base import ProviderMisconfigured
from agents.providers.registry import get_provider


def test_all_threads_share_one_provider():
    found = []
    threads = [threading.Thread(target=lambda: found.append(get_provider("openai_chat"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_an_agent_without_a_provider_gets_the_installation_default(settings):
    settings.DEFAULT_MODEL_PROVIDER = "openai_responses"
    assert get_provider("").name == "openai_responses"


def test_an_unknown_alias_is_named_with_the_known_ones():
    with pytest.raises(ProviderMisconfigured, match=r"'gpt'.*openai_chat"):
        get_provider("gpt")


@pytest.mark.parametrize("alias", ["scripted", "offline"])
def test_demo_and_test_models_do_not_serve_in_production(settings, alias):
    settings.PRODUCTION = True
    with pytest.raises(ProviderMisconfigured, match="production"):
        get_provider(alias)


def test_a_provider_that_cannot_be_imported_is_a_configuration_error(settings):
    settings.MODEL_PROVIDERS = {"broken": "agents.providers.nowhere.Nothing"}
    with pytest.raises(ProviderMisconfigured, match="broken"):
        get_provider("broken")
