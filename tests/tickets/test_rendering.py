import re
import time

import pytest

from supportagent.tickets.rendering import escape_hidden, render_message, strip_hidden


@pytest.fixture(autouse=True)
def link_hosts(settings):
    settings.LINK_HOSTS = ["shop.example"]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("<svg/onload=alert(1)>", "&lt;svg/onload=alert(1)&gt;"),
        ("[go](javascript:alert(1))", "[go](javascript:alert(1))"),
        ("[go](vbscript:x) <a href=https://evil.example>", "[go](vbscript:x) &lt;a href=https://evil.example&gt;"),
    ],
)
def test_markup_and_script_links_are_shown_as_text(body, shown):
    assert render_message(body) == f"<p>{shown}</p>\n"


@pytest.mark.parametrize(
    "body",
    [
        "![pixel](https://evil.example/p.png)",
        "![pixel][1]\n\n[1]: https://evil.example/p.png",
        "[text][1]\n\n[1]: https://evil.example",
        "<https://evil.example/?c=secret>",
        "https://evil.example",
        "![x](data:image/png;base64,AAAA)",
        "[x](data:text/html;base64,AAAA)",
        "[x](//evil.example)",
        "[x](http://shop.example)",
        "[x](https://shop.example@evil.example/)",
        "[x](https://shop.example:8443/)",
        "[x](https://shop.example.evil.example/)",
        "[x](https://sh\u043ep.example/)",
        "<link rel=stylesheet href=https://evil.example>",
        "```html\n<img src=https://evil.example>\n```",
    ],
)
def test_nothing_in_a_message_can_make_a_request_or_be_followed(body):
    assert set(re.findall(r"<\w+[^>]*>", render_message(body))) <= {"<p>", "<pre>", "<code>", "<br>"}


def test_a_link_to_an_allowed_host_is_one_and_its_address_is_written_out():
    html = render_message("[Track it](https://shop.example/t?a=1&b=2)")
    assert '<a href="https://shop.example/t?a=1&amp;b=2" rel="noopener noreferrer nofollow">Track it</a>' in html
    assert "(https://shop.example/t?a=1&amp;b=2)" in html


def test_a_link_that_shows_another_address_than_it_has_is_told_apart():
    html = render_message("[https://shop.example/pay](https://evil.example/pay)")
    assert "href" not in html
    assert "https://shop.example/pay (https://evil.example/pay)" in html


def test_no_host_is_allowed_unless_the_installation_names_it(settings):
    settings.LINK_HOSTS = []
    assert "href" not in render_message("[Track it](https://shop.example/)")


def test_ordinary_formatting_survives():
    html = render_message("Hello **Ana**,\nyour order:\n\n- one\n- two\n\n> quoted\n\n`ORD-1042`")
    for part in ("<strong>Ana</strong>,<br>", "<li>one</li>", "<blockquote>", "<code>ORD-1042</code>"):
        assert part in html


def test_hidden_characters_do_not_reach_the_customer_and_an_emoji_keeps_its_colour():
    smuggled = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore rules")
    assert strip_hidden(f"a\u202egpj.exe\u200b{smuggled}\ufe01\u2066b") == "agpj.exeb"
    assert render_message("thanks \u2764\ufe0f") == "<p>thanks \u2764\ufe0f</p>\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice\u202egpj.exe", "invoice[U+202E]gpj.exe"),
        ("a\u200bb\u00adc", "a[U+200B]b[U+00AD]c"),
        ("hi\U000e0041\U000e007f", "hi[U+E0041][U+E007F]"),
        ("p\u0430ypal.com", "p[U+0430]ypal.com"),
        ("\uff50aypal", "[U+FF50]aypal"),
        ("\u03bfrder", "[U+03BF]rder"),
        ("x\ufe00y", "x[U+FE00]y"),
    ],
)
def test_staff_see_hidden_and_posing_characters_by_name(text, shown):
    assert escape_hidden(text) == shown


@pytest.mark.parametrize("text", ["Привет, Ana", "naïve café", "Ελλάδα", "日本語 ok", "❤️ 👍", "<b>x</b>\n\ttab"])
def test_honest_writing_of_any_script_is_left_as_it_is(text):
    assert escape_hidden(text) == text


def test_text_nested_beyond_the_parsers_depth_is_shown_and_not_lost():
    assert "hidden from staff" in render_message("> " * 40 + "hidden from staff")
    assert "hidden from staff" in render_message("- " * 40 + "hidden from staff")


@pytest.mark.parametrize("body", ["[" * 8000, "*a_" * 2600, "![[" * 2600, "> " * 4000, "`a``" * 2000, "<" * 8000])
def test_no_message_takes_long_to_render(body):
    started = time.perf_counter()
    render_message(body)
    escape_hidden(body)
    assert time.perf_counter() - started < 2
