"""Tornado's HTTP server with a limit for whatever a client may hold or send."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate, HTTPServerConnectionDelegate
from tornado.iostream import IOStream, UnsatisfiableReadError

MAX_CONNECTIONS = 256
HEADER_LIMIT_S = 10
MAX_HEADER_BYTES, MAX_BODY_BYTES, MAX_UNREAD_BYTES = 16_384, 1024, 65_536
LINGER_S, MAX_LINGERING = 2.0, 16
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class LimitedServer(HTTPServer):
    """At most 256 connections: one more closes the one that has sent no whole request for longest, so that a new one is always heard."""

    def initialize(self, application: HTTPServerConnectionDelegate) -> None:  # type: ignore[override]
        """Tornado's constructor."""
        self.connected = 0
        self._idle: dict[IOStream, None] = {}
        super().initialize(
            application,
            idle_connection_timeout=HEADER_LIMIT_S,
            body_timeout=HEADER_LIMIT_S,
            max_header_size=MAX_HEADER_BYTES,
            max_body_size=MAX_BODY_BYTES,
            max_buffer_size=MAX_UNREAD_BYTES,
            chunk_size=MAX_HEADER_BYTES,
        )

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Takes a new connection, or closes it where 256 others are being answered."""
        if self.connected >= MAX_CONNECTIONS:
            if not self._idle:
                stream.close()
                return
            next(iter(self._idle)).close()
        self.connected += 1
        answering = AnsweringStream(stream.socket, max_buffer_size=MAX_UNREAD_BYTES, read_chunk_size=MAX_HEADER_BYTES)
        super().handle_stream(answering, address)

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        """Called when a connection waits for a request: its first, or the next."""
        stream = request_conn.stream
        self._idle[stream] = None
        return _Heard(super().start_request(server_conn, request_conn), self._idle, stream)

    def on_close(self, server_conn: object) -> None:
        """Called once a connection."""
        assert isinstance(server_conn, HTTP1ServerConnection)
        super().on_close(server_conn)
        self.connected -= 1
        self._idle.pop(server_conn.stream, None)


class _Heard(HTTPMessageDelegate):
    """Takes a connection off the idle ones when its request is whole."""

    def __init__(self, delegate: HTTPMessageDelegate, idle: dict[IOStream, None], stream: IOStream) -> None:
        self._idle, self._stream = idle, stream
        self.headers_received, self.data_received = delegate.headers_received, delegate.data_received  # type: ignore[method-assign]
        self.on_connection_close, self._finish = delegate.on_connection_close, delegate.finish  # type: ignore[method-assign]

    def finish(self) -> None:
        self._idle.pop(self._stream, None)
        self._finish()


class AnsweringStream(IOStream):
    """A connection that says 431 before it closes on a header without end; Tornado's closes without a word."""

    lingering: set[asyncio.Task[None]] = set()  # noqa: RUF012  # of all connections

    def close(self, exc_info: Any = False) -> None:
        """Closes; where a header was too long, after an answer that the client gets to read."""
        if isinstance(exc_info, UnsatisfiableReadError) and not self.closed() and len(self.lingering) < MAX_LINGERING:
            task = asyncio.get_running_loop().create_task(_refuse(self.socket.dup()))
            self.lingering.add(task)
            task.add_done_callback(self.lingering.discard)
        super().close(exc_info)


async def _refuse(connection: socket.socket) -> None:
    """Answers, then reads on for a while: closing with bytes unread would reset the connection and take the answer with it."""
    loop = asyncio.get_running_loop()
    with connection, suppress(OSError, TimeoutError):
        async with asyncio.timeout(LINGER_S):
            await loop.sock_sendall(connection, TOO_LARGE)
            connection.shutdown(socket.SHUT_WR)
            while await loop.sock_recv(connection, MAX_UNREAD_BYTES):
                pass
