import re

import pytest

from supportagent.environment import OUTSIDE_SETTINGS, bounded, derive_key
from tests.platform.conftest import PRODUCTION, ROOT, Run

READ = ("-c", "import supportagent.settings as s; print('read', s.ENVIRONMENT)")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"SUPPORTAGENT_ENV": "prod"},
            "Setting SUPPORTAGENT_ENV: 'prod' is not one of development, test, production",
        ),
        ({"SUPPORTAGENT_DEBUG": "maybe"}, "Setting SUPPORTAGENT_DEBUG: 'maybe' is neither on nor off"),
        (
            {"DATABASE_URL": "mysql://root:hunter2@db/shop"},
            "Setting DATABASE_URL: is not a URL like postgres://",
        ),
        ({"DATABASE_URL": "postgres://u:hunter2@db:port/x"}, "Setting DATABASE_URL: cannot be parsed"),
        ({"DATABASE_URL": "postgres://u:hunter2@db:5432/"}, "Setting DATABASE_URL: names no database"),
        ({"VALKEY_URL": "localhost:6379"}, "Setting VALKEY_URL: is not a URL like redis://"),
        ({"REDIS_URL": "http://127.0.0.1"}, "Setting REDIS_URL: is not a URL like redis://"),
        (
            {"SUPPORTAGENT_GRANT_SECONDS": "soon"},
            "Setting SUPPORTAGENT_GRANT_SECONDS: 'soon' is not a whole number",
        ),
        (
            {"SUPPORTAGENT_LEASE_SECONDS": "-1"},
            "Setting SUPPORTAGENT_LEASE_SECONDS: '-1' is not a number of seconds",
        ),
        (
            {"SUPPORTAGENT_LEASE_SECONDS": "nan"},
            "Setting SUPPORTAGENT_LEASE_SECONDS: 'nan' is not a number of seconds",
        ),
        (
            {"SUPPORTAGENT_LEASE_RENEW_SECONDS": "9"},
            "Setting SUPPORTAGENT_LEASE_RENEW_SECONDS: must be at most half",
        ),
        (
            {"SUPPORTAGENT_PUBLIC_URL": "console.example"},
            "Setting SUPPORTAGENT_PUBLIC_URL: 'console.example' is not an address",
        ),
        (
            {"OPENAI_BASE_URL": "localhost:11434"},
            "Setting OPENAI_BASE_URL: 'localhost:11434' is not an address",
        ),
        (
            {"OPENAI_API_KEY_FILE": "/nowhere/key"},
            "Setting OPENAI_API_KEY_FILE: '/nowhere/key' cannot be read",
        ),
        ({"OPENAI_API_KEY": "a", "OPENAI_API_KEY_FILE": "b"}, "Setting OPENAI_API_KEY: is given twice"),
        (
            {"SUPPORTAGENT_DATA_DIR": "/dev/null/x"},
            "Setting SUPPORTAGENT_DATA_DIR: '/dev/null/x' cannot be used",
        ),
        (
            {"SUPPORTAGENT_MODEL_PROVIDER": "oracle"},
            "Setting SUPPORTAGENT_MODEL_PROVIDER: 'oracle' is not one of",
        ),
        (
            {**PRODUCTION, "SUPPORTAGENT_SECRET_KEY": ""},
            "Setting SUPPORTAGENT_SECRET_KEY: is missing, and production",
        ),
        (
            {**PRODUCTION, "SUPPORTAGENT_SECRET_KEY": "short"},
            "Setting SUPPORTAGENT_SECRET_KEY: is shorter than 32",
        ),
        (
            {**PRODUCTION, "SUPPORTAGENT_ALLOWED_HOSTS": ""},
            "Setting SUPPORTAGENT_ALLOWED_HOSTS: must name the hosts",
        ),
        (
            {**PRODUCTION, "SUPPORTAGENT_ALLOWED_HOSTS": "*"},
            "Setting SUPPORTAGENT_ALLOWED_HOSTS: must name the hosts",
        ),
        ({**PRODUCTION, "SUPPORTAGENT_PUBLIC_URL": ""}, "Setting SUPPORTAGENT_PUBLIC_URL: is missing"),
        (
            {**PRODUCTION, "SUPPORTAGENT_DEBUG": "on"},
            "Setting SUPPORTAGENT_DEBUG: is on, which production refuses",
        ),
    ],
)
def test_a_bad_setting_ends_the_process_with_one_line_that_names_it(python: Run, values: dict[str, str], line: str):
    done = python(*READ, **values)
    assert done.returncode == 1
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_a_full_production_environment_is_read(python: Run):
    done = python(*READ, **PRODUCTION)
    assert (done.returncode, done.stdout, done.stderr) == (0, "read production\n", "")


def test_a_misspelt_setting_is_pointed_out_and_does_not_stop_the_process(python: Run):
    done = python(*READ, SUPPORTAGENT_LEASE_SECONS="20")
    assert done.returncode == 0
    assert "SUPPORTAGENT_LEASE_SECONS is set but is not a setting" in done.stderr


def test_a_secret_may_stand_in_a_file(python: Run, tmp_path):
    (tmp_path / "key").write_text("from-a-file\n")
    done = python(
        "-c",
        "import supportagent.settings as s; print(s.OPENAI_API_KEY)",
        OPENAI_API_KEY_FILE=str(tmp_path / "key"),
    )
    assert done.stdout == "from-a-file\n"


def test_redis_url_serves_where_valkey_url_is_not_set(python: Run):
    show = ("-c", "import supportagent.settings as s; print(s.VALKEY_URL.partition('?')[0])")
    assert python(*show, REDIS_URL="redis://one:1/0").stdout == "redis://one:1/0\n"
    both = python(*show, REDIS_URL="redis://one:1/0", VALKEY_URL="valkey://two:2/0")
    assert both.stdout == "redis://two:2/0\n"


@pytest.mark.parametrize("url", ["redis://:pw@host:1/2", "unix:///run/v.sock?db=3", "rediss://host/0"])
def test_no_command_to_the_broker_waits_longer_than_two_seconds(url: str):
    import redis

    options = redis.Redis.from_url(bounded(url)).connection_pool.connection_kwargs
    plain = redis.Redis.from_url(url).connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (2, 2)
    assert {name: options.get(name) for name in ("db", "path", "host", "password")} == {
        name: plain.get(name) for name in ("db", "path", "host", "password")
    }


def test_a_derived_key_belongs_to_one_secret_and_one_purpose():
    keys = {derive_key(secret, purpose) for secret in ("a", "b") for purpose in ("grant", "widget identity")}
    assert len(keys) == 4
    assert all(len(bytes.fromhex(key)) == 32 for key in keys)


def test_postgresql_is_pooled_in_the_web_process_only(python: Run):
    show = (
        "-c",
        "from supportagent.settings import DATABASES as d; "
        "print(d['default']['CONN_MAX_AGE'], 'pool' in d['default']['OPTIONS'])",
    )
    url = "postgres://u:p@127.0.0.1:5432/x"
    assert python(*show, DATABASE_URL=url, SUPPORTAGENT_PROCESS="web").stdout == "0 True\n"
    assert python(*show, DATABASE_URL=url).stdout == "None False\n"


def test_every_setting_is_documented_in_the_example_file():
    from supportagent.settings import env

    example = (ROOT / ".env.example").read_text()
    documented = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    read = {name for name in env.known if not name.endswith("_FILE") or name == "SUPPORTAGENT_SCRIPTED_MODEL_FILE"}
    assert read - OUTSIDE_SETTINGS - documented == set()
    assert documented - read - {"PORT", "HOST"} == set()
