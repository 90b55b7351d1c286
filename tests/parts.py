"""Real parts that many tests share: one mongod, and one broker of each kind, for each process of a run."""

import pytest

from tests.needed import need
from tools.local import pki
from tools.local.broker.broker import Broker
from tools.local.database.mongod import Database
from tools.local.users import BACKEND_USER

DEVICES = ("C001", "C002", "C003")
USERS = {BACKEND_USER: "b" * 32, **{f"demo/{name}": name * 8 for name in DEVICES}}
# A backend killed inside a transaction holds its locks for so long; nothing can be dropped meanwhile.
SHORT_TRANSACTIONS = ("--setParameter", "transactionLifetimeLimitSeconds=15")


@pytest.fixture(scope="session")
def mongod(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mongod")
    made = Database(folder / "db", folder / "log", arguments=SHORT_TRANSACTIONS)
    made.start()
    yield made
    made.stop()


def _broker(tmp_path_factory, kind):
    folder = tmp_path_factory.mktemp(kind)
    made = Broker(folder / "broker", folder / "log", pki.ensure(folder / "pki"), USERS, kind=kind)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def iotcore(tmp_path_factory):
    yield from _broker(tmp_path_factory, "iotcore")


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory):
    need("mosquitto")
    yield from _broker(tmp_path_factory, "mosquitto")


@pytest.fixture(scope="session")
def hivemq(tmp_path_factory):
    need("hivemq")
    yield from _broker(tmp_path_factory, "hivemq")


@pytest.fixture
def broker(request):
    """iotcore, which is there on every machine; a test asks for others with the marks below."""
    return request.getfixturevalue(getattr(request, "param", "iotcore"))


all_brokers = pytest.mark.parametrize("broker", ["iotcore", "mosquitto", "hivemq"], indirect=True)
brokers_with_rules = pytest.mark.parametrize("broker", ["mosquitto", "hivemq"], indirect=True)
