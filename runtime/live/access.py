"""Who may see the page: the Host header, the token, and where a request came from."""

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit


def host_allowed(host: str) -> bool:
    """Whether a Host header is one a person would have typed: an IP address, localhost, or this machine's name.

    Any other name may be an attacker's that was made to point here (DNS rebinding). The port may be a tunnel's, so it is not compared.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    own = socket.gethostname().lower().split(".")[0]
    return _is_address(name) or name in ("localhost", own, f"{own}.local", socket.gethostname().lower())


def came_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a page of another origin embeds or fetches this (Fetch Metadata, W3C); following a link is allowed."""
    return headers.get("Sec-Fetch-Site", "none") in ("cross-site", "same-site") and headers.get("Sec-Fetch-Mode") != "navigate"


def cookie_value(token: str) -> str:
    """What a browser keeps in place of the token."""
    return hmac.new(token.encode(), b"quince live page", hashlib.sha256).hexdigest()


def knows(token: str, *, given: str | None, cookie: str | None, authorization: str | None) -> bool:
    """Whether a request has the token: in its query, as a bearer token, or as the cookie made from it. In constant time."""
    bearer = (authorization or "").removeprefix("Bearer ")
    return _same(given, token) or _same(bearer, token) or _same(cookie, cookie_value(token))


def _same(one: str | None, other: str) -> bool:
    return hmac.compare_digest((one or "").encode("utf-8", "surrogateescape"), other.encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
