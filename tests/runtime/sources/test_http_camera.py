"""Tests logins: the digests of RFC 7616, and servers that check them."""

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import islice

import pytest
from PIL import Image

from runtime.errors import InputRefused, MachineError
from runtime.sources.base import Frame, open_source
from runtime.sources.digest import Challenge, Login, choose_challenge

RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


class Server(ThreadingHTTPServer):
    """Gives a JPEG to the user "cam" with the password `a "b" é`; offers `challenges`."""

    challenges: tuple[str, ...] = ()
    nonce, answers, lifetime = 0, 0, 1000
    seen: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        answer = self.headers.get("Authorization", "")
        self.server.seen.append(answer)
        if self.server.answers >= self.server.lifetime:
            self.server.answers, self.server.nonce = 0, self.server.nonce + 1
        if answer.startswith("Digest") and self.is_right(answer):
            self.server.answers += 1
            content = BytesIO()
            Image.new("RGB", (16, 16)).save(content, "JPEG")
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.end_headers()
            self.wfile.write(content.getvalue())
            return
        stale = f'nonce="{self.server.nonce}"' not in answer and answer
        self.send_response(401)
        for challenge in self.server.challenges:
            text = challenge.format(nonce=self.server.nonce)
            self.send_header("WWW-Authenticate", text + (", stale=true" if stale else ""))
        self.end_headers()

    def is_right(self, answer: str) -> bool:
        """Computes the digest of RFC 7616 once more, for this user and password."""
        text = answer.encode("latin-1").decode()
        fields = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text))
        fields |= dict(re.findall(r"(\w+)=([^\s\",]+)", text))
        hashed = HASHES[fields.get("algorithm", "MD5").removesuffix("-sess")]

        def digest(text: str) -> str:
            return hashed(text.encode()).hexdigest()

        assert self.path == fields["uri"]
        secret = digest(f'cam:{fields["realm"]}:a "b" é')
        if fields.get("algorithm", "").endswith("-sess"):
            secret = digest(f"{secret}:{fields['nonce']}:{fields['cnonce']}")
        middle = f"{fields['nonce']}"
        if "qop" in fields:
            middle += f":{fields['nc']}:{fields['cnonce']}:{fields['qop']}"
        expected = digest(f"{secret}:{middle}:{digest('GET:' + self.path)}")
        is_user = fields["username"] in ("cam", digest(f"cam:{fields['realm']}"))
        return (
            expected == fields["response"] and is_user and middle.startswith(f"{self.server.nonce}")
        )

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(("127.0.0.1", 0), Handler)
    running.seen = []
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def frames(server: Server, count: int, password: str = "a%20%22b%22%20%C3%A9") -> list[object]:
    url = f"http://cam:{password}@127.0.0.1:{server.server_address[1]}/snap.jpg?size=1"
    return list(islice(open_source(url, 0.01).frames(), count))


@pytest.mark.parametrize(
    "challenges",
    [
        ('Digest realm="cam", nonce="{nonce}", qop="auth"',),
        ('Digest realm="cam", nonce="{nonce}"',),
        ('Digest realm="cam", nonce="{nonce}", algorithm=SHA-256, qop="auth-int,auth"',),
        ('Digest realm="cam", nonce="{nonce}", algorithm=MD5-sess, qop="auth", userhash=true',),
        ('Basic realm="cam"', 'Digest realm="cam", nonce="{nonce}"'),
        ('Basic realm="x, y", Digest nonce="{nonce}", realm="cam", qop=auth',),
        (
            "Negotiate",
            'Digest realm="cam", nonce="{nonce}", algorithm=SHA-256',
        ),
    ],
)
def test_server_that_checks_the_digest_gives_its_images(
    server: Server, challenges: tuple[str, ...]
) -> None:
    server.challenges = challenges
    assert all(isinstance(frame, Frame) for frame in frames(server, 3))
    assert len(server.seen) == 4, "the challenge is asked for once"
    assert server.seen[0] == ""
    assert all(answer.startswith("Digest ") for answer in server.seen[1:])


def test_nonce_that_expired_is_replaced(server: Server) -> None:
    server.challenges, server.lifetime = ('Digest realm="cam", nonce="{nonce}", qop="auth"',), 2
    assert len(frames(server, 5)) == 5
    assert server.nonce == 2


def test_wrong_password_is_tried_once_and_never_shown(server: Server) -> None:
    server.challenges = ('Digest realm="cam", nonce="{nonce}", qop="auth"',)
    with pytest.raises(MachineError, match="does not accept this user and password") as caught:
        frames(server, 1, password="secret")
    assert len(server.seen) == 2
    assert "secret" not in repr(caught.value) + "".join(server.seen)
    with pytest.raises(InputRefused, match="printable") as refusal:
        frames(server, 1, password="secret%0A")
    assert "secret" not in repr(refusal.value)
    server.challenges = ("Negotiate",)
    with pytest.raises(MachineError, match="neither digest nor basic"):
        frames(server, 1)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digests_are_those_of_rfc_7616(
    monkeypatch: pytest.MonkeyPatch, algorithm: str, response: str
) -> None:
    challenge = choose_challenge([RFC_7616.format("MD5"), RFC_7616.format(algorithm)])
    assert challenge
    monkeypatch.setattr(
        "runtime.sources.digest.secrets.token_hex",
        lambda _: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    login = Login("Mufasa", "Circle of Life", challenge)
    header = login.header("GET", "/dir/index.html").decode()
    assert f'response="{response}"' in header
    assert "nc=00000001" in header
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in header
    assert "Circle" not in header + repr(login)


def test_safest_way_is_chosen() -> None:
    assert choose_challenge([]) == Challenge("basic", {})
    assert choose_challenge(["Bearer"]) is None
    unknown = 'Digest realm="a", nonce="b", algorithm=WHIRL, Basic realm="q"'
    assert choose_challenge([unknown]) == Challenge("basic", {"realm": "q"})
