"""Checks who may see the page: Host header, token, and the origin of a request."""

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit


def is_allowed_host(host: str) -> bool:
    """Returns whether a Host header is an IP address, localhost, or this machine's name.

    Any other name may belong to an attacker who made it point here (DNS rebinding). The port is not
    compared, because it may be that of a tunnel.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    full_name = socket.gethostname().lower()
    short_name = full_name.split(".")[0]
    own_names = ("localhost", full_name, short_name, f"{short_name}.local")
    return name in own_names or _is_ip_address(name)


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Returns whether a page of another site embeds or fetches this page (Fetch Metadata, W3C).

    Following a link from another site is allowed.
    """
    site, mode = headers.get("Sec-Fetch-Site", "none"), headers.get("Sec-Fetch-Mode")
    return site in ("cross-site", "same-site") and mode != "navigate"


def is_from_own_page(headers: Mapping[str, str]) -> bool:
    """Returns whether a request that changes something comes from a page of this server.

    Browsers say so themselves (Fetch Metadata, and Origin before it). A program sends neither. The
    type is one that a form of another site cannot send.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    own_origin = origin is None or origin.partition("://")[2] == headers.get("Host")
    is_json = headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"
    return site in (None, "same-origin") and own_origin and is_json


def cookie_value(token: str) -> str:
    """Returns what a browser stores instead of the token."""
    return hmac.new(token.encode(), b"quince live page", hashlib.sha256).hexdigest()


def has_token(
    token: str, *, query: str | None, cookie: str | None, authorization: str | None
) -> bool:
    """Returns whether a request has the token; takes constant time.

    The token may be in the query, a bearer token, or the cookie that was made from it.
    """
    bearer = (authorization or "").removeprefix("Bearer ")
    return (
        _is_same(query, token) or _is_same(bearer, token) or _is_same(cookie, cookie_value(token))
    )


def _is_same(received: str | None, expected: str) -> bool:
    content = (received or "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(content, expected.encode())


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
