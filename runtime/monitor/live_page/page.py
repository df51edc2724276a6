"""Assembles the page, and the policy that lets a browser run its script and nothing else."""

import base64
import hashlib
from importlib.resources import files


def _read(name: str) -> str:
    return (files("runtime.monitor.live_page") / name).read_text(encoding="utf-8")


def _hash_source(text: str) -> str:
    """Returns the hash source (W3C CSP3) of an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def assemble(html: str, style: str, script: str) -> bytes:
    """Returns a page with its style and script in it."""
    return html.replace("/* page.css */", style).replace("/* page.js */", script).encode()


def policy(style: str, script: str, images: str = "") -> str:
    """Returns the policy of a page; `images` are further sources of images."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash_source(script)}",
            f"style-src {_hash_source(style)}",
            f"img-src blob: data: {images}".rstrip(),
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


_STYLE, _SCRIPT = _read("page.css"), _read("page.js")
HTML = assemble(_read("page.html"), _STYLE, _SCRIPT)
CONTENT_SECURITY_POLICY = policy(_STYLE, _SCRIPT)
