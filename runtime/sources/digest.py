"""Answers an HTTP server that asks for a user and password: RFC 7616 (digest), RFC 7617 (basic).

Of the offered ways the safest is used. urllib's handler knows SHA-256 only from Python 3.14 on.
"""

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import NamedTuple

ALGORITHMS = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
"""Each algorithm and its name in hashlib, the safest first."""
_TOKEN = re.compile(r'([\w!#$%&\'*+.^`|~-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*))?')


class Challenge(NamedTuple):
    """One way that a server offers: its scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


class Login:
    """Holds a user and password, and the challenge that they answer; its text shows neither."""

    def __init__(self, user: str, password: str, challenge: Challenge) -> None:
        self._user, self._password = user.encode(), password.encode()
        self.challenge = challenge
        self._requests = 0

    def header(self, method: str, target: str) -> bytes:
        """Returns the value of Authorization for one request."""
        if self.challenge.scheme == "basic":
            return b"Basic " + b64encode(self._user + b":" + self._password)
        self._requests += 1
        return self._digest(method.encode(), target.encode(), secrets.token_hex(16).encode())

    def _digest(self, method: bytes, target: bytes, client_nonce: bytes) -> bytes:
        given = self.challenge.parameters
        algorithm, is_session = _algorithm(given)
        realm, nonce = (given.get(name, "").encode() for name in ("realm", "nonce"))

        def digest(*parts: bytes) -> bytes:
            hashed = hashlib.new(ALGORITHMS[algorithm], usedforsecurity=False)
            hashed.update(b":".join(parts))
            return hashed.hexdigest().encode()

        secret = digest(self._user, realm, self._password)
        if is_session:
            secret = digest(secret, nonce, client_nonce)
        offered = [way.strip().lower() for way in given.get("qop", "").split(",")]
        way = next((way for way in ("auth", "auth-int") if way in offered), "")
        request = [method, target, digest(b"")] if way == "auth-int" else [method, target]
        count = b"%08x" % self._requests
        protected = [count, client_nonce, way.encode()] if way else []
        hash_user = given.get("userhash", "").lower() == "true"
        fields = {
            "username": digest(self._user, realm) if hash_user else self._user,
            "realm": realm,
            "nonce": nonce,
            "uri": target,
            "response": digest(secret, nonce, *protected, digest(*request)),
        }
        if "opaque" in given:
            fields["opaque"] = given["opaque"].encode()
        if way or is_session:
            fields["cnonce"] = client_nonce
        header = b", ".join(name.encode() + b"=" + _quote(fields[name]) for name in fields)
        if "algorithm" in given:
            header += b", algorithm=" + given["algorithm"].encode()
        if way:
            header += b", qop=" + way.encode() + b", nc=" + count
        return b"Digest " + header + (b", userhash=true" if hash_user else b"")


def choose_challenge(headers: Sequence[str]) -> Challenge | None:
    """Returns the safest challenge of the WWW-Authenticate headers that `Login` can answer.

    A server that names no way gets basic, as it did before there were others.
    """
    challenges = [challenge for header in headers for challenge in _parse(header)]
    digests = [
        challenge
        for challenge in challenges
        if challenge.scheme == "digest" and _algorithm(challenge.parameters)[0] in ALGORITHMS
    ]
    if digests:
        order = list(ALGORITHMS)
        return min(digests, key=lambda way: order.index(_algorithm(way.parameters)[0]))
    if not challenges:
        return Challenge("basic", {})
    return next((way for way in challenges if way.scheme == "basic"), None)


def _parse(header: str) -> list[Challenge]:
    challenges: list[tuple[str, dict[str, str]]] = []
    for token in _TOKEN.finditer(header):
        word, value = token[1].lower(), token[2]
        if value is None:
            challenges.append((word, {}))
        elif challenges:
            challenges[-1][1].setdefault(word, _unquote(value))
    return [Challenge(scheme, parameters) for scheme, parameters in challenges]


def _algorithm(parameters: Mapping[str, str]) -> tuple[str, bool]:
    """Returns the name of the algorithm, and whether it is its "-sess" variant."""
    name = parameters.get("algorithm", "MD5").upper()
    return name.removesuffix("-SESS"), name.endswith("-SESS")


def _quote(value: bytes) -> bytes:
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
