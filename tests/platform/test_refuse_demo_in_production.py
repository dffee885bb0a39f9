import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command
from django.test import RequestFactory, override_settings

from supportagent.demo.checks import check_no_demo_logins
from tests.platform.conftest import PRODUCTION, Run

OFFLINE = "SUPPORTAGENT_ENV=production refuses the offline model: set OPENAI_API_KEY"
PAGES = "SUPPORTAGENT_ENV=production refuses the demo pages: unset SUPPORTAGENT_DEMO_PAGES"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"OPENAI_API_KEY": ""}, OFFLINE),
        pytest.param(
            {"SUPPORTAGENT_MODEL_PROVIDER": "scripted"},
            "SUPPORTAGENT_ENV=production refuses the scripted model",
            marks=pytest.mark.slow,
        ),
        pytest.param({"SUPPORTAGENT_DEMO_PAGES": "on"}, PAGES, marks=pytest.mark.slow),
    ],
)
def test_the_web_process_and_the_checks_name_the_demo_part(python: Run, values: dict[str, str], line: str):
    web = python("-c", "import supportagent.asgi", **{**PRODUCTION, **values})
    assert (web.returncode, web.stderr.count("\n")) == (1, 1)
    assert web.stderr.startswith(line)
    check = python("manage.py", "check", **{**PRODUCTION, **values})
    assert check.returncode == 1
    assert line in check.stderr
    assert "Traceback" not in check.stderr


def test_the_web_process_starts_without_demo_parts_and_serves_no_demo_page(python: Run):
    code = (
        "import supportagent.asgi; from django.urls import resolve, Resolver404\n"
        "try: print(resolve('/demo/'))\n"
        "except Resolver404: print('no such page')"
    )
    done = python("-c", code, **PRODUCTION)
    assert (done.returncode, done.stdout) == (0, "no such page\n")


def test_no_row_of_the_admin_can_reach_a_demo_model_in_production(python: Run):
    code = "from supportagent.settings import MODEL_PROVIDERS; print(sorted(MODEL_PROVIDERS))"
    assert python("-c", code, **PRODUCTION).stdout == "['openai_chat', 'openai_responses']\n"


@pytest.mark.parametrize("arguments", [["demo"], pytest.param(["demo", "--scripted"], marks=pytest.mark.slow)])
def test_the_demo_command_refuses_production(python: Run, arguments: list[str]):
    done = python("manage.py", *arguments, **PRODUCTION)
    assert (done.returncode, done.stderr) == (
        1,
        "CommandError: SUPPORTAGENT_ENV=production refuses the demo.\n",
    )


@pytest.fixture
def supervisor(db):
    return get_user_model().objects.create_user("supervisor", password="demo")


def test_nobody_logs_in_to_production_with_the_published_password(supervisor):
    request = RequestFactory().post("/admin/login/")
    assert authenticate(request, username="supervisor", password="demo") == supervisor
    with override_settings(PRODUCTION=True):
        assert authenticate(request, username="supervisor", password="demo") is None


def test_a_changed_password_makes_a_demo_account_an_ordinary_one(supervisor):
    supervisor.set_password("something-else-entirely")
    supervisor.save()
    request = RequestFactory().post("/admin/login/")
    with override_settings(PRODUCTION=True):
        assert authenticate(request, username="supervisor", password="something-else-entirely") == supervisor
        assert list(check_no_demo_logins(None, ["default"])) == []


@override_settings(PRODUCTION=True)
def test_the_database_check_names_the_demo_accounts_that_are_left(supervisor):
    (warning,) = check_no_demo_logins(None, ["default"])
    assert "supervisor" in warning.msg


@override_settings(PRODUCTION=True)
def test_the_seed_writes_no_log_in_into_production(db):
    with pytest.raises(CommandError):
        call_command("seed_demo")
    assert not get_user_model().objects.exists()
