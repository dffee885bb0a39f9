import pytest
from django.contrib.auth import get_user_model


@pytest.fixture
def ana(db):
    return get_user_model().objects.create_superuser("ana", "ana@example.com", "a long password")


@pytest.fixture
def rep(db):
    """Works in the console, is not staff in Django's sense, holds no permission."""
    return get_user_model().objects.create_user("rep", "rep@example.com", "a long password")
