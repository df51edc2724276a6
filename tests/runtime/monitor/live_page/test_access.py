"""Tests host names, tokens and origins."""

import socket

import pytest

from runtime.monitor.live_page.access import cookie_value, has_token, is_allowed_host, is_cross_site

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
def test_host_that_a_person_would_type_is_allowed(host: str) -> None:
    assert is_allowed_host(host)


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
    assert not is_allowed_host(host)


@pytest.mark.parametrize(
    ("site", "mode", "cross_site"),
    [
        ("cross-site", "no-cors", True),
        ("same-site", "cors", True),
        ("cross-site", "navigate", False),
        ("same-origin", "cors", False),
        ("none", "navigate", False),
    ],
)
def test_other_sites_may_only_link_to_the_page(site: str, mode: str, cross_site: bool) -> None:
    assert is_cross_site({"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}) is cross_site


def test_request_without_fetch_metadata_is_not_cross_site() -> None:
    assert not is_cross_site({})


def test_token_is_accepted_in_three_places() -> None:
    nothing = {"query": None, "cookie": None, "authorization": None}
    assert has_token(TOKEN, **nothing | {"query": TOKEN})
    assert has_token(TOKEN, **nothing | {"authorization": f"Bearer {TOKEN}"})
    assert has_token(TOKEN, **nothing | {"cookie": cookie_value(TOKEN)})


@pytest.mark.parametrize(
    "wrong",
    [None, "", "a-token-of-this-tes", TOKEN + "x", "é\udcff", cookie_value("another-token-here")],
)
def test_other_values_are_not_the_token(wrong: str | None) -> None:
    assert not has_token(TOKEN, query=wrong, cookie=wrong, authorization=wrong)


def test_cookie_and_token_are_not_interchangeable() -> None:
    assert TOKEN not in cookie_value(TOKEN)
    assert not has_token(TOKEN, query=None, cookie=TOKEN, authorization=None)
    assert not has_token(TOKEN, query=cookie_value(TOKEN), cookie=None, authorization=None)
