"""Connects the workers of a training, so that each can send short messages to all."""

import socket
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from runtime.errors import InputRefused, MachineError

LOST = (
    "another worker ended or cannot be reached; see its output. The same command on all machines "
    "continues from the last whole epoch"
)
CONNECT_TIMEOUT_S = 300.0
"""How long a worker waits for the others to start."""
GREETING_TIMEOUT_S = 10.0
"""Whatever connects and is silent for this time is no worker."""
RETRY_S = 0.5
MAX_GREETING_BYTES = 32
KEEP_ALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
"""A machine that vanishes without closing its connections counts as lost after 20 s."""


class WorkerConnections:
    """Holds a connection between the first worker and each other one, in their order.

    The first worker holds all of them, the others hold theirs.
    """

    def __init__(self, index: int, count: int, links: Sequence[Connection], host: str) -> None:
        """Keeps the connections of worker `index`, from 0; the others reach it at `host`."""
        self.host = host
        self._index, self._count, self._links = index, count, links

    def gather(self, message: bytes) -> list[bytes]:
        """Returns the message of each worker, in their order; waits for all.

        Raises:
            MachineError: a worker is gone.
        """
        with lost_worker(EOFError, OSError):
            if self._index:
                self._links[0].send_bytes(message)
                return [self._links[0].recv_bytes() for _ in range(self._count)]
            messages = [message, *(link.recv_bytes() for link in self._links)]
            for link in self._links:
                for each in messages:
                    link.send_bytes(each)
            return messages

    def leave(self) -> None:
        """Ends the common work, on the first worker before any other."""
        self.gather(b"")
        if self._index:
            with suppress(EOFError, OSError):
                self._links[0].recv_bytes()
        for link in self._links:
            link.close()


@contextmanager
def lost_worker(*errors: type[Exception]) -> Generator[None, None, None]:
    """Turns these errors about a lost connection into one line."""
    try:
        yield
    except errors as error:
        raise MachineError("--distribute", LOST) from error


def connect_workers(address: str, index: int, count: int) -> WorkerConnections:
    """Connects worker `index`, from 0, of `count` with the others.

    They meet at `address`, the host:port of the first.

    Raises:
        MachineError: a worker is missing, or the first cannot listen at `address`.
        InputRefused: two workers have one number, or count the workers differently.
    """
    host, port = address.rsplit(":", 1)
    if index == 0:
        return WorkerConnections(0, count, _accept(address, host, int(port), count), host)
    link, own_host = _call(address, host, int(port), f"{index}/{count}".encode())
    return WorkerConnections(index, count, [link], own_host)


def _accept(address: str, host: str, port: int, count: int) -> list[Connection]:
    """Returns the connections to the workers from the second on, in their order."""
    expected = {f"{index}/{count}".encode() for index in range(1, count)}
    links: dict[bytes, Connection] = {}
    ends_at = time.monotonic() + CONNECT_TIMEOUT_S
    try:
        server = socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        raise MachineError(
            address,
            f"the first worker cannot listen there: {error}; choose another --distribute",
        ) from error
    with server:
        while missing := expected - links.keys():
            server.settimeout(max(0.001, ends_at - time.monotonic()))
            try:
                link = _kept_alive(server.accept()[0])
            except TimeoutError as error:
                raise MachineError(
                    address,
                    f"expected {count - 1} other workers within {CONNECT_TIMEOUT_S:.0f} s, "
                    f"found {len(links)}; start the others with this address",
                ) from error
            greeting = _greeting(link)
            if greeting is None:
                continue
            if greeting not in missing:
                raise InputRefused(
                    "--worker",
                    f"expected each of the numbers 2/{count} to {count}/{count} once; another "
                    "worker has a number twice or another count",
                )
            links[greeting] = link
    return [links[greeting] for greeting in sorted(links, key=_index_in)]


def _index_in(greeting: bytes) -> int:
    return int(greeting.split(b"/")[0])


def _greeting(link: Connection) -> bytes | None:
    """Returns what a worker says first; None if this is no worker."""
    with suppress(EOFError, OSError):
        if link.poll(GREETING_TIMEOUT_S):
            return link.recv_bytes(MAX_GREETING_BYTES)
    return None


def _call(address: str, host: str, port: int, greeting: bytes) -> tuple[Connection, str]:
    """Returns the connection to the first worker, and the address of this machine in it."""
    ends_at = time.monotonic() + CONNECT_TIMEOUT_S
    while True:
        try:
            own = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
            break
        except (OSError, OverflowError) as error:
            if time.monotonic() >= ends_at:
                raise MachineError(
                    address,
                    f"the first worker cannot be reached: {error}; start it with this address",
                ) from error
            time.sleep(RETRY_S)
    own_host = own.getsockname()[0]
    link = _kept_alive(own)
    with lost_worker(OSError):
        link.send_bytes(greeting)
    return link, own_host


def _kept_alive(connected: socket.socket) -> Connection:
    connected.settimeout(None)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if option := getattr(socket, name, None):  # macOS lacks some
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(connected.detach())
