"""runtime.live.access: names, tokens and origins."""

import socket

import pytest

from runtime.live.access import came_from_elsewhere, cookie_value, host_allowed, knows

TOKEN = "a-token-of-this-test"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8000",
        "localhost",
        "LOCALHOST:1",
        "[::1]:8000",
        "192.168.1.7:8000",
        socket.gethostname(),
        f"{socket.gethostname()}.local:80",
    ],
)
def test_what_a_person_would_type_is_allowed(host: str) -> None:
    assert host_allowed(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "a@b@c",
        "[::1",
        "127.0.0.1\x00",
        "x" * 9000,
    ],
)
def test_other_names_may_be_an_attackers(host: str) -> None:
    assert not host_allowed(host)


@pytest.mark.parametrize(
    ("site", "mode", "elsewhere"),
    [
        ("cross-site", "no-cors", True),
        ("same-site", "cors", True),
        ("cross-site", "navigate", False),
        ("same-origin", "cors", False),
        ("none", "navigate", False),
    ],
)
def test_only_links_lead_here_from_other_sites(site: str, mode: str, elsewhere: bool) -> None:
    assert came_from_elsewhere({"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}) is elsewhere


def test_a_program_that_sends_no_fetch_metadata_is_no_page() -> None:
    assert not came_from_elsewhere({})


def test_the_token_is_known_in_three_ways() -> None:
    nothing = {"given": None, "cookie": None, "authorization": None}
    assert knows(TOKEN, **nothing | {"given": TOKEN})
    assert knows(TOKEN, **nothing | {"authorization": f"Bearer {TOKEN}"})
    assert knows(TOKEN, **nothing | {"cookie": cookie_value(TOKEN)})


@pytest.mark.parametrize("wrong", [None, "", "a-token-of-this-tes", TOKEN + "x", "é\udcff", cookie_value("another-token-here")])
def test_anything_else_is_not_the_token(wrong: str | None) -> None:
    assert not knows(TOKEN, given=wrong, cookie=wrong, authorization=wrong)


def test_the_cookie_is_not_the_token_and_the_token_is_no_cookie() -> None:
    assert TOKEN not in cookie_value(TOKEN)
    assert not knows(TOKEN, given=None, cookie=TOKEN, authorization=None)
    assert not knows(TOKEN, given=cookie_value(TOKEN), cookie=None, authorization=None)
