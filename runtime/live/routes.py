"""What the live page's server answers: a fixed list of paths, GET only, nothing from disk but the page itself."""

import asyncio
import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from runtime.live.access import came_from_elsewhere, cookie_value, host_allowed, knows
from runtime.live.board import Board
from runtime.live.page import HTML, POLICY
from runtime.live.words import describe

MAX_VIEWERS = 64
POLL_S = 1.0
SEND_LIMIT_S = 30.0
"""For one picture: whoever takes longer is let go, and a page that still wants to see connects again."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
BOUNDARY = b"--frame\r\n"
NUMBER = re.compile(r"-?[0-9]{1,18}")
"""Of a frame: at 1,000 a second it takes more than 30 million years to run out of digits."""


@dataclass
class Watch:
    """What all handlers share; `viewers` counts those being sent pictures now."""

    board: Board
    token: str | None
    port: int
    viewers: int = 0

    @contextmanager
    def viewer(self) -> Generator[None, None, None]:
        """A place for one viewer; 503 where all 64 are taken."""
        if self.viewers >= MAX_VIEWERS:
            raise HTTPError(503)
        self.viewers += 1
        try:
            yield
        finally:
            self.viewers -= 1


class Checked(RequestHandler):
    """Asks who is there before anything is answered."""

    needs_token = True
    watch: Watch

    def initialize(self, watch: Watch) -> None:
        """Tornado's constructor."""
        self.watch = watch

    def set_default_headers(self) -> None:
        """On every answer, errors too."""
        self.clear_header("Server")
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Refuses a foreign name (403), another site's page (403) and who lacks the token (401)."""
        if not host_allowed(self.request.headers.get("Host", "")) or came_from_elsewhere(self.request.headers):
            raise HTTPError(403)
        if self.needs_token and not self.may_see():
            raise HTTPError(401)

    def may_see(self) -> bool:
        """Whether there is no token, or the request has it."""
        token = self.watch.token
        given, cookie, bearer = (
            self.get_query_argument("token", None),
            self.get_cookie(self.cookie),
            self.request.headers.get("Authorization"),
        )
        return token is None or knows(token, given=given, cookie=cookie, authorization=bearer)

    @property
    def cookie(self) -> str:
        """Its name; cookies are shared by all ports of a machine."""
        return f"quince-{self.watch.port}"

    def compute_etag(self) -> None:
        """None: pictures are not kept, so nobody asks whether one changed."""

    def write_error(self, status_code: int, **options: Any) -> None:
        """One line of text."""
        if status_code == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        if status_code == 503:
            self.set_header("Retry-After", "2")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")

    def log_exception(self, kind: Any, value: BaseException | None, trace: Any) -> None:
        """Keeps quiet about viewers that went away."""
        if not isinstance(value, StreamClosedError):
            super().log_exception(kind, value, trace)

    async def send(self, kind: str, content: bytes) -> None:
        """The whole answer, within the time limit."""
        self.set_header("Content-Type", kind)
        await self.within_limit(self.finish(content))

    async def within_limit(self, sending: "asyncio.Future[None]") -> None:
        """Waits for the bytes to be on their way; closes the connection of who does not take them."""
        try:
            await asyncio.wait_for(sending, SEND_LIMIT_S)
        except TimeoutError:
            self.detach().close()
            raise StreamClosedError from None


class Page(Checked):
    """The page; with the right `?token=` a cookie in its place, and the page without it in the address."""

    needs_token = False

    async def get(self) -> None:
        """The page, which asks for the token where that is missing."""
        if not self.may_see():
            self.set_status(401)
            self.set_header("WWW-Authenticate", "Bearer")
        elif self.watch.token and self.get_query_argument("token", None):
            self.set_cookie(self.cookie, cookie_value(self.watch.token), httponly=True, samesite="Lax", expires_days=30)
            self.redirect("./", status=303)
            return
        await self.send("text/html; charset=utf-8", HTML)


class Health(Checked):
    """For a watchdog: the server answers, and what it knows of the source."""

    needs_token = False

    async def get(self) -> None:
        """JSON."""
        state = describe(self.watch.board.latest())
        seen = {"status": "ok", "state": state["state"], "age_ms": state["age_ms"], "viewers": self.watch.viewers}
        await self.send("application/json", json.dumps(seen).encode())


class State(Checked):
    """The newest answer, for programs."""

    async def get(self) -> None:
        """JSON."""
        await self.send("application/json", json.dumps(describe(self.watch.board.latest())).encode())


class Latest(Checked):
    """For the page: the answer and the picture it is of in one piece, when there is one newer than `?after=`, or after a second."""

    async def get(self) -> None:
        """Four bytes with the length of the JSON, the JSON, and the JPEG if there is a new one."""
        after = self.get_query_argument("after", "-1")
        if not NUMBER.fullmatch(after):
            raise HTTPError(400)
        with self.watch.viewer():
            picture = await self.watch.board.newer(int(after), POLL_S)
            state = json.dumps(describe(picture.version)).encode()
            jpeg = b"" if picture.version.number == int(after) else picture.jpeg
            await self.send("application/octet-stream", len(state).to_bytes(4, "big") + state + jpeg)


class Frame(Checked):
    """The newest picture alone."""

    async def get(self) -> None:
        """A JPEG."""
        with self.watch.viewer():
            picture = await self.watch.board.newer(-1, POLL_S)
            if not picture.jpeg:
                raise HTTPError(503)
            await self.send("image/jpeg", picture.jpeg)


class Stream(Checked):
    """The pictures as MJPEG, for other programs; a slow one gets fewer of them, each the newest."""

    gone = False

    async def get(self) -> None:
        """JPEGs without end."""
        with self.watch.viewer():
            self.set_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.write(BOUNDARY)
            await self.within_limit(self.flush())
            number = -1
            while not self.gone:
                picture = await self.watch.board.newer(number, POLL_S)
                if picture.jpeg and picture.version.number != number:
                    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\n\r\n".encode()
                    self.write(head + picture.jpeg + b"\r\n" + BOUNDARY)
                    await self.within_limit(self.flush())
                number = picture.version.number

    def on_connection_close(self) -> None:
        """Called when the viewer has gone."""
        self.gone = True


class NotThere(Checked):
    """Every other path, whoever asks."""

    needs_token = False

    def prepare(self) -> None:
        """404."""
        super().prepare()
        raise HTTPError(404)


ROUTES: tuple[tuple[str, type[Checked]], ...] = (
    ("/", Page),
    ("/health", Health),
    ("/state", State),
    ("/latest", Latest),
    (r"/frame\.jpg", Frame),
    ("/stream", Stream),
)
