import pytest
from django.core.exceptions import ImproperlyConfigured

from audit import actions


@pytest.mark.parametrize(
    "name", ["cooked", "kitchen.cooked", "Kitchen.dish.cooked", "kitchen.dish.cooked.well", "a..b"]
)
def test_a_name_that_is_not_app_noun_verb_is_refused(name):
    with pytest.raises(ImproperlyConfigured):
        actions.register(name, "something")


def test_an_action_means_one_thing():
    actions.register("kitchen.dish.cooked", "A dish was cooked")
    with pytest.raises(ImproperlyConfigured):
        actions.register("kitchen.dish.cooked", "A dish was burnt")


def test_every_action_of_the_project_says_what_it_means_and_how_its_data_is_erased():
    names = [action.name for action in actions.registered()]
    assert "audit.log.exported" in names
    assert names == sorted(names)
    assert all(action.description and action.erasure for action in actions.registered())
