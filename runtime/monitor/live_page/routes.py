"""Answers the live page's requests: a fixed list of paths, GET only, no file except the page."""

import json
import re

from tornado.web import HTTPError

from runtime.monitor.live_page.access import cookie_value
from runtime.monitor.live_page.checked_handler import CheckedHandler
from runtime.monitor.live_page.json_status import status_fields
from runtime.monitor.live_page.page import HTML

POLL_S = 1.0
SIGN_IN = b'<form id="sign-in"'
BOUNDARY = b"--frame\r\n"
FRAME_NUMBER = re.compile(r"-?[0-9]{1,18}")
"""Enough digits for more than 30 million years at 1,000 frames per second."""


class PageHandler(CheckedHandler):
    """Sends the page.

    A valid `?token=` becomes a cookie, and a redirect removes it from the address.
    """

    needs_token = False

    @property
    def html(self) -> bytes:
        """The page; it has a link where there are images to label."""
        if self.context.inbox is None:
            return HTML
        return HTML.replace(SIGN_IN, b'<p><a href="label">Label images</a></p>\n' + SIGN_IN)

    async def get(self) -> None:
        """Sends the page, which asks for the token if it is missing."""
        token = self.context.token
        if not self.may_see():
            self.set_status(401)
            self.set_header("WWW-Authenticate", "Bearer")
        elif token and self.get_query_argument("token", None):
            self.set_cookie(
                self.cookie_name,
                cookie_value(token),
                httponly=True,
                samesite="Lax",
                expires_days=30,
            )
            self.redirect(self.request.path.rpartition("/")[2] or "./", status=303)
            return
        await self.send("text/html; charset=utf-8", self.html)


class HealthHandler(CheckedHandler):
    """Tells a watchdog that the server answers, and the state of the source."""

    needs_token = False

    async def get(self) -> None:
        """Sends JSON."""
        states = {
            name: {field: status_fields(broker.latest())[field] for field in ("state", "age_ms")}
            for name, broker in self.context.brokers.items()
        }
        first = next(iter(states.values()))
        several = {"sources": states} if len(states) > 1 else {}
        await self.send_json({"status": "ok", **first, "viewers": self.context.viewers, **several})


class StateHandler(CheckedHandler):
    """Sends the newest answer, for programs."""

    async def get(self) -> None:
        """Sends JSON."""
        await self.send_json(status_fields(self.broker.latest()))


class LatestHandler(CheckedHandler):
    """Sends an answer together with its image, for the page.

    Waits for a frame newer than `?after=`, at most a second.
    """

    async def get(self) -> None:
        """Sends the length of the JSON (4 bytes), the JSON, and the JPEG if there is a new one."""
        after = self.get_query_argument("after", "-1")
        if not FRAME_NUMBER.fullmatch(after):
            raise HTTPError(400)
        with self.context.viewer():
            frame = await self.broker.wait_for_change(int(after), POLL_S)
            fields = {**status_fields(frame.state), "source_names": list(self.context.brokers)}
            status = json.dumps(fields).encode()
            jpeg = b"" if frame.state.number == int(after) else frame.jpeg
            content = len(status).to_bytes(4, "big") + status + jpeg
            await self.send("application/octet-stream", content)


class FrameHandler(CheckedHandler):
    """Sends the newest image alone."""

    async def get(self) -> None:
        """Sends a JPEG."""
        with self.context.viewer():
            frame = await self.broker.wait_for_change(-1, POLL_S)
            if not frame.jpeg:
                raise HTTPError(503)
            await self.send("image/jpeg", frame.jpeg)


class StreamHandler(CheckedHandler):
    """Sends the images as MJPEG, for other programs.

    A slow program gets fewer images, and each is the newest.
    """

    closed = False

    async def get(self) -> None:
        """Sends JPEGs until the viewer disconnects."""
        broker = self.broker
        with self.context.viewer():
            self.set_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            await self._send_part(BOUNDARY)
            number = -1
            while not self.closed:
                frame = await broker.wait_for_change(number, POLL_S)
                if frame.jpeg and frame.state.number != number:
                    size = len(frame.jpeg)
                    headers = f"Content-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n"
                    await self._send_part(headers.encode() + frame.jpeg + b"\r\n" + BOUNDARY)
                number = frame.state.number

    async def _send_part(self, content: bytes) -> None:
        self.write(content)
        await self.within_time_limit(self.flush())

    def on_connection_close(self) -> None:
        """Called by Tornado when the viewer has disconnected."""
        self.closed = True


class WhyHandler(CheckedHandler):
    """Sends the heat map of the newest frame."""

    async def get(self) -> None:
        """Sends a PNG."""
        with self.context.viewer():
            picture = await self.broker.explain(self.get_query_argument("view", None))
            if not picture:
                raise HTTPError(503)
            await self.send("image/png", picture)


class NotFoundHandler(CheckedHandler):
    """Answers 404 to every other path, also without the token."""

    needs_token = False

    def prepare(self) -> None:
        """Raises 404 for an allowed host."""
        super().prepare()
        raise HTTPError(404)


ROUTES: tuple[tuple[str, type[CheckedHandler]], ...] = (
    ("/", PageHandler),
    ("/health", HealthHandler),
    ("/state", StateHandler),
    ("/latest", LatestHandler),
    (r"/frame\.jpg", FrameHandler),
    ("/stream", StreamHandler),
    (r"/why\.png", WhyHandler),
)
