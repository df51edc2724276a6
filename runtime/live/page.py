"""The page and the policy that lets a browser run its script and nothing else."""

import base64
import hashlib
import re
from importlib.resources import files

HTML = (files("runtime.live") / "page.html").read_bytes()


def _hash_of(element: bytes) -> str:
    """The CSP source (W3C CSP3) of the only <script> or <style> there is."""
    (content,) = re.findall(b"<" + element + b">(.*?)</" + element + b">", HTML, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"


POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src {_hash_of(b'script')}",
        f"style-src {_hash_of(b'style')}",
        "img-src blob: data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
