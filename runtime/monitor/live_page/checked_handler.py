"""Checks every request to the live page, and sends responses with its headers."""

import asyncio
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from runtime.inbox.folder import Inbox
from runtime.monitor.live_page.access import (
    has_token,
    is_allowed_host,
    is_cross_site,
)
from runtime.monitor.live_page.frame_broker import FrameBroker
from runtime.monitor.live_page.page import CONTENT_SECURITY_POLICY

MAX_VIEWERS = 64
SEND_TIMEOUT_S = 30.0
"""Time to send one image; then the connection is closed, and a page connects again."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass
class PageContext:
    """The state that all handlers share; `viewers` counts those who are being sent images.

    inbox: the images that people may label, if any.
    """

    brokers: Mapping[str, FrameBroker]
    token: str | None
    port: int
    viewers: int = 0
    inbox: Inbox | None = None

    @contextmanager
    def viewer(self) -> Generator[None, None, None]:
        """Counts one viewer; raises 503 if there are 64."""
        if self.viewers >= MAX_VIEWERS:
            raise HTTPError(503)
        self.viewers += 1
        try:
            yield
        finally:
            self.viewers -= 1


class CheckedHandler(RequestHandler):
    """Checks the host, the origin and the token before it answers."""

    needs_token = True
    context: PageContext

    def initialize(self, context: PageContext) -> None:
        """Called by Tornado's constructor."""
        self.context = context

    def set_default_headers(self) -> None:
        """Sets the headers of every response, including errors."""
        self.clear_header("Server")
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Refuses another host's name and another site's page (403), and a missing token (401)."""
        host_allowed = is_allowed_host(self.request.headers.get("Host", ""))
        if not host_allowed or is_cross_site(self.request.headers):
            raise HTTPError(403)
        if self.needs_token and not self.may_see():
            raise HTTPError(401)

    @property
    def broker(self) -> FrameBroker:
        """The broker of the source in `?source_name=`, by default the first; raises 404 for others.

        `?source=` is its name before version 0.2.0.
        """
        brokers = self.context.brokers
        earlier = self.get_query_argument("source", next(iter(brokers)))
        name = self.get_query_argument("source_name", earlier)
        if name not in brokers:
            raise HTTPError(404)
        return brokers[name]

    def may_see(self) -> bool:
        """Returns whether the request has the token, or none is needed."""
        if self.context.token is None:
            return True
        return has_token(
            self.context.token,
            query=self.get_query_argument("token", None),
            cookie=self.get_cookie(self.cookie_name),
            authorization=self.request.headers.get("Authorization"),
        )

    @property
    def cookie_name(self) -> str:
        """A name with the port, because all ports of a machine share their cookies."""
        return f"quince-{self.context.port}"

    def compute_etag(self) -> None:
        """Turns off ETags, because no client stores images."""

    def write_error(self, status_code: int, **options: Any) -> None:
        """Sends one line of text."""
        if status_code == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        if status_code == 503:
            self.set_header("Retry-After", "2")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")

    def log_exception(self, kind: Any, value: BaseException | None, trace: Any) -> None:
        """Does not log viewers that went away."""
        if not isinstance(value, StreamClosedError):
            super().log_exception(kind, value, trace)

    async def send(self, content_type: str, content: bytes) -> None:
        """Sends a whole response within the time limit."""
        self.set_header("Content-Type", content_type)
        await self.within_time_limit(self.finish(content))

    async def send_json(self, fields: dict[str, Any]) -> None:
        """Sends a JSON object."""
        await self.send("application/json", json.dumps(fields).encode())

    async def within_time_limit(self, sending: "asyncio.Future[None]") -> None:
        """Waits until the bytes are sent; closes the connection of a viewer that is too slow."""
        try:
            await asyncio.wait_for(sending, SEND_TIMEOUT_S)
        except TimeoutError:
            self.detach().close()
            raise StreamClosedError from None
