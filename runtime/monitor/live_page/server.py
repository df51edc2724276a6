"""Runs the live page's web server in one thread beside inference.

Uses Tornado. Among the maintained Python servers that were compared (table in docs/live.md) it
closes a connection whose headers take too long, needs no other package, and had a release this year
with a wheel for aarch64.
"""

import asyncio
import logging
import socket
import threading
from contextlib import suppress

from tornado.web import Application

from runtime.inbox.folder import Inbox
from runtime.monitor.live_page.checked_handler import PageContext
from runtime.monitor.live_page.connection_limits import LimitedServer
from runtime.monitor.live_page.frame_broker import FrameBroker
from runtime.monitor.live_page.routes import ROUTES, NotFoundHandler

CLOSE_TIMEOUT_S = 2.0


class Server:
    """Serves the page until `close`."""

    def __init__(
        self,
        listener: socket.socket,
        token: str | None,
        source_names: tuple[str, ...],
        inbox: Inbox | None,
    ) -> None:
        """Starts the thread; takes over the listening socket. Serves what there is to show."""
        self._inbox, self._routes = inbox, ROUTES if source_names else ()
        if inbox is not None:
            # Imported here, because few pages label.
            from runtime.monitor.label_page.routes import LABEL_ROUTES, LabelPageHandler

            self._routes += (
                LABEL_ROUTES if source_names else (("/", LabelPageHandler), *LABEL_ROUTES)
            )
        _silence_client_errors()
        self._loop = asyncio.new_event_loop()
        self._brokers = {source_name: FrameBroker(self._loop) for source_name in source_names}
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listener, token), name="live", daemon=True
        )
        self._thread.start()

    @property
    def encoded(self) -> int:
        """The number of images encoded so far."""
        return sum(broker.encoded for broker in self._brokers.values())

    def broker(self, source_name: str | None) -> FrameBroker:
        """Returns the broker of a source, or of the first."""
        return (
            next(iter(self._brokers.values()))
            if source_name is None
            else self._brokers[source_name]
        )

    def close(self) -> None:
        """Closes every connection and ends the threads, within two seconds."""
        with suppress(RuntimeError):  # the loop has already ended
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self, listener: socket.socket, token: str | None) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listener, token))
        for broker in self._brokers.values():
            broker.close()

    async def _serve(self, listener: socket.socket, token: str | None) -> None:
        context = PageContext(self._brokers, token, listener.getsockname()[1], inbox=self._inbox)
        handler_arguments = {"context": context}
        application = Application(
            [(path, handler, handler_arguments) for path, handler in self._routes],
            default_handler_class=NotFoundHandler,
            default_handler_args=handler_arguments,
            log_function=lambda _: None,
        )
        server = LimitedServer(application)
        server.add_socket(listener)
        await self._stopped.wait()
        server.stop()
        await server.close_all_connections()


def _silence_client_errors() -> None:
    """Turns off the log of invalid requests; errors of the server itself are still logged."""
    logging.getLogger("tornado.general").setLevel(logging.CRITICAL)
