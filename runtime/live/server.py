"""The live page's web server, in one thread beside inference.

Tornado: of the kept Python servers that were tried (docs/live.md has the table) it closes a connection whose headers take too long, needs
no other package, and had a release this year with a wheel for aarch64.
"""

import asyncio
import logging
import socket
import threading
from contextlib import suppress

from tornado.web import Application

from runtime.live.board import Board
from runtime.live.limits import LimitedServer
from runtime.live.routes import ROUTES, NotThere, Watch

CLOSE_LIMIT_S = 2.0


class Server:
    """Serves until `close`."""

    def __init__(self, listener: socket.socket, token: str | None) -> None:
        """Takes over the listening socket."""
        _keep_quiet()
        self._loop = asyncio.new_event_loop()
        self._board = Board(self._loop)
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, token), name="live", daemon=True)
        self.show, self.report = self._board.show, self._board.report
        self._thread.start()

    @property
    def encoded(self) -> int:
        """Pictures encoded so far."""
        return self._board.encoded

    def close(self) -> None:
        """Closes every connection and ends the threads, within two seconds."""
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(CLOSE_LIMIT_S)

    def _run(self, listener: socket.socket, token: str | None) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listener, token))
        self._board.close()

    async def _serve(self, listener: socket.socket, token: str | None) -> None:
        watch = Watch(self._board, token, listener.getsockname()[1])
        shared = {"watch": watch}
        routes = [(path, handler, shared) for path, handler in ROUTES]
        application = Application(routes, default_handler_class=NotThere, default_handler_args=shared, log_function=lambda _: None)
        server = LimitedServer(application)
        server.add_socket(listener)
        await self._ended.wait()
        server.stop()
        await server.close_all_connections()


def _keep_quiet() -> None:
    """What clients do wrong is no news; what goes wrong here still is."""
    logging.getLogger("tornado.general").setLevel(logging.CRITICAL)
