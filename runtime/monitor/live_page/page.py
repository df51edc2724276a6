"""Assembles the page, and the policy that lets a browser run its script and nothing else."""

import base64
import hashlib
from importlib.resources import files


def _read(name: str) -> str:
    return (files("runtime.monitor.live_page") / name).read_text(encoding="utf-8")


def _hash_source(text: str) -> str:
    """Returns the hash source (W3C CSP3) of an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_STYLE, _SCRIPT = _read("page.css"), _read("page.js")
HTML = (
    _read("page.html").replace("/* page.css */", _STYLE).replace("/* page.js */", _SCRIPT).encode()
)
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src {_hash_source(_SCRIPT)}",
        f"style-src {_hash_source(_STYLE)}",
        "img-src blob: data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
