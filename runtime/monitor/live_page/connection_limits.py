"""Adds to Tornado's HTTP server what it lacks.

That is a limit of open connections, and an answer to headers that are too long.
"""

from contextlib import suppress
from typing import Any

from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate, HTTPServerConnectionDelegate
from tornado.iostream import IOStream, UnsatisfiableReadError

MAX_CONNECTIONS = 256
REQUEST_LIMIT_S = 10
MAX_HEADER_BYTES, MAX_BODY_BYTES, MAX_UNREAD_BYTES = 16_384, 32_768, 65_536
HEADERS_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)


class LimitedServer(HTTPServer):
    """Serves at most 256 connections; Tornado accepts as many as there are file descriptors.

    One more connection closes the one that has waited longest for a whole request.
    """

    def initialize(self, application: HTTPServerConnectionDelegate) -> None:  # type: ignore[override]
        """Sets the limits that Tornado has; called by its constructor."""
        self.connected = 0
        self._idle: dict[IOStream, None] = {}
        super().initialize(
            application,
            idle_connection_timeout=REQUEST_LIMIT_S,
            body_timeout=REQUEST_LIMIT_S,
            max_header_size=MAX_HEADER_BYTES,
            max_body_size=MAX_BODY_BYTES,
            max_buffer_size=MAX_UNREAD_BYTES,
            chunk_size=MAX_HEADER_BYTES,
        )

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Takes a new connection, or closes it if 256 others are being answered."""
        if self.connected >= MAX_CONNECTIONS:
            if not self._idle:
                stream.close()
                return
            next(iter(self._idle)).close()
        self.connected += 1
        stream = RefusingStream(
            stream.socket, max_buffer_size=MAX_UNREAD_BYTES, read_chunk_size=MAX_HEADER_BYTES
        )
        super().handle_stream(stream, address)

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        """Called when a connection waits for its first request, or for the next."""
        self._idle[request_conn.stream] = None
        delegate = super().start_request(server_conn, request_conn)
        finish = delegate.finish

        def finish_whole_request() -> None:
            self._idle.pop(request_conn.stream, None)
            finish()

        delegate.finish = finish_whole_request  # type: ignore[method-assign]  # no callback for it
        return delegate

    def on_close(self, server_conn: object) -> None:
        """Called once for each connection."""
        assert isinstance(server_conn, HTTP1ServerConnection)
        super().on_close(server_conn)
        self.connected -= 1
        self._idle.pop(server_conn.stream, None)


class RefusingStream(IOStream):
    """Answers 431 to headers that are too long; Tornado closes the connection without an answer."""

    def close_fd(self) -> None:
        """Called by `close`, while the socket is still open."""
        if isinstance(self.error, UnsatisfiableReadError):
            with suppress(OSError):
                self.socket.send(HEADERS_TOO_LARGE)
        super().close_fd()
