import gzip
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from supportagent.widget import views
from supportagent.widget.origins import validate_origins

from .conftest import SHOP

STATIC = Path(views.__file__).parent / "static" / "widget"


def policy(response):
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_only_the_apps_own_sites_may_show_the_frame(app):
    response = Client().get("/widget/frame/shop/")

    assert policy(response)["frame-ancestors"] == f"'self' {SHOP}"
    assert "X-Frame-Options" not in response


def test_the_frame_runs_our_own_scripts_only(app):
    directives = policy(Client().get("/widget/frame/shop/"))
    assert (directives["default-src"], directives["script-src"], directives["style-src"]) == (
        "'none'",
        "'self'",
        "'self'",
    )


def test_the_frame_has_no_inline_script_style_or_handler(app):
    app.greeting = "</script><script>alert(1)</script>"
    app.save()
    html = Client().get("/widget/frame/shop/").content.decode()
    assert "<script>" not in html
    assert " style=" not in html and " onclick=" not in html


def test_an_unknown_or_switched_off_widget_has_no_frame(app):
    app.active = False
    app.save()
    assert [Client().get(f"/widget/frame/{name}/").status_code for name in ("shop", "nobody")] == [404, 404]


def test_the_loader_is_small_cached_shortly_and_open_to_every_site(client):
    response = client.get("/widget/v1.js", headers={"Accept-Encoding": "gzip"})

    assert response["Content-Type"].startswith("text/javascript")
    assert response["Cache-Control"] == "max-age=300, public" or set(response["Cache-Control"].split(", ")) == {
        "max-age=300",
        "public",
    }
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert len(gzip.compress((STATIC / "loader.js").read_bytes(), 9)) <= 6 * 1024


def test_the_frames_scripts_are_light():
    scripts = b"".join(path.read_bytes() for path in sorted((STATIC / "frame").glob("*.js")))
    assert len(gzip.compress(scripts, 9)) <= 25 * 1024


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(client, method):
    assert getattr(client, method)("/widget/api/messages").status_code == 405


@pytest.mark.parametrize(
    "origins",
    [
        ["*"],
        ["https://*.shop.example"],
        ["https://shop.example/"],
        ["https://shop.example; script-src *"],
        ["https://shop.example\n"],
        ["javascript:alert(1)"],
        ["null"],
        [1],
        "https://shop.example",
        {"a": 1},
    ],
)
def test_an_origin_that_would_let_in_more_is_refused(origins):
    with pytest.raises(ValidationError):
        validate_origins(origins)


def test_plain_origins_are_accepted():
    assert validate_origins(["https://shop.example", "http://localhost:8001", "http://[::1]:8001"]) is None
