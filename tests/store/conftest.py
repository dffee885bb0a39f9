import pytest

from supportagent.staff.models import User
from supportagent.store.models import Account, Order
from tests.store.door import agent
from tests.store.shop import make_account, make_order


@pytest.fixture
def billing(db: None) -> User:
    return agent("Billing specialist")


@pytest.fixture
def rep(db: None) -> User:
    return agent("Support rep")


@pytest.fixture
def ana(db: None) -> Account:
    return make_account("CUS-1001", "Ana Martins")


@pytest.fixture
def ben(db: None) -> Account:
    return make_account("CUS-1002", "Ben Okafor")


@pytest.fixture
def order(ana: Account) -> Order:
    return make_order(ana)
