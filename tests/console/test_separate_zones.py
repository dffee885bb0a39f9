"""Two zones, two policies: the admin may evaluate scripts, nothing else may; both have one log-in."""

import re

import pytest
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.console.site")]


def policy(response):
    directives = (part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    return {name: set(values[0].split()) if values else set() for name, *values in directives}


def test_a_console_page_runs_and_styles_only_what_we_serve(client, rep):
    client.force_login(rep)
    directives = policy(client.get("/console/queue/"))
    assert directives["default-src"] == {"'none'"}
    assert directives["script-src"] == directives["style-src"] == {"'self'"}
    assert directives["frame-ancestors"] == {"'none'"}


@pytest.mark.parametrize("address", ["/admin/login/", "/admin/", "/admin/password_change/"])
def test_admin_pages_may_evaluate_but_not_load_from_elsewhere(client, ana, address):
    if address != "/admin/login/":
        client.force_login(ana)
    response = client.get(address)
    assert response.status_code == 200
    directives = policy(response)
    assert "'unsafe-eval'" in directives["script-src"]
    assert "'unsafe-inline'" not in directives["script-src"]
    assert directives["style-src"] == {"'self'", "'unsafe-inline'"}
    assert directives["default-src"] == {"'none'"}


@pytest.mark.parametrize("address", ["/console/forbidden/", "/console/missing/", "/console/locked/"])
def test_error_pages_stay_strict(client, rep, address):
    client.force_login(rep)
    assert policy(client.get(address))["script-src"] == {"'self'"}


@pytest.mark.parametrize("address", ["/console/queue/", "/console/forbidden/", "/console/locked/"])
def test_pages_carry_no_inline_script_style_or_foreign_address(client, rep, address):
    client.force_login(rep)
    page = client.get(address).content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|<style", page)
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)


def test_somebody_without_admin_rights_logs_in_and_lands_where_he_wanted(client, rep):
    response = client.get("/console/queue/")
    assert response.url == "/admin/login/?next=/console/queue/"
    response = client.post(response.url, {"username": "rep", "password": "a long password"})
    assert (response.status_code, response.url) == (302, "/console/queue/")
    assert client.get("/console/queue/").status_code == 200


def test_a_log_in_without_a_target_lands_in_the_console(client, rep):
    response = client.post("/admin/login/", {"username": "rep", "password": "a long password"})
    assert response.url == "/console/"


def test_a_log_in_does_not_forward_to_another_site(client, rep):
    target = "/admin/login/?next=https://evil.example/"
    response = client.post(target, {"username": "rep", "password": "a long password"})
    assert response.url == "/console/"


def test_somebody_without_admin_rights_is_not_let_into_the_admin(client, rep):
    client.force_login(rep)
    assert client.get("/admin/").status_code == 302


def test_logging_out_needs_a_post_and_ends_at_the_log_in(client, rep):
    client.force_login(rep)
    assert client.get("/admin/logout/").status_code == 405
    response = client.post("/admin/logout/")
    assert response.url == "/admin/login/"
    assert client.get("/console/queue/").status_code == 302


def test_after_five_bad_log_ins_a_readable_page_says_how_long_to_wait(client, rep):
    for _ in range(5):
        response = client.post("/admin/login/", {"username": "rep", "password": "wrong"})
    assert response.status_code == 429
    assert "Try again in 15 minutes" in response.content.decode()
    response = client.post("/admin/login/", {"username": "rep", "password": "a long password"})
    assert response.status_code == 429


@pytest.mark.parametrize("address, status", [("/console/forbidden/", 403), ("/console/missing/", 404)])
@pytest.mark.parametrize("logged_in", [True, False])
def test_error_pages_say_what_to_do_and_leak_nothing(client, rep, address, status, logged_in):
    if logged_in:
        client.force_login(rep)
    response = client.get(address)
    page = response.content.decode()
    assert response.status_code == status
    assert f'data-testid="error-{status}"' in page
    assert "secret rule" not in page
    assert ("Log out" in page) is logged_in


def test_a_failure_is_a_calm_page_without_the_error(rep):
    client = Client(raise_request_exception=False)
    client.force_login(rep)
    response = client.get("/console/failing/")
    assert response.status_code == 500
    assert 'data-testid="error-500"' in response.content.decode()
    assert "hunter2" not in response.content.decode()


def test_a_form_without_its_token_is_refused_with_a_readable_page(rep):
    client = Client(enforce_csrf_checks=True)
    response = client.post("/admin/logout/")
    assert response.status_code == 403
    assert 'data-testid="error-403_csrf"' in response.content.decode()
