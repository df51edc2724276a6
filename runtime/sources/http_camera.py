"""Asks an HTTP server for one response, with a deadline for each image and a login if it asks.

The server is not trusted: waiting times have limits, and no password is in a message.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from runtime.errors import InputRefused, MachineError
from runtime.sources.base import FRAME_TIMEOUT_S, SourceBusyError, without_password
from runtime.sources.digest import Challenge, Login, choose_challenge

CONNECT_TIMEOUT_S = 5.0
MAX_REQUESTS = 3
"""Without a login, with one, and with a new nonce where the server's has expired."""
EXAMPLE = "an address like http://192.168.1.20:8080/stream"


class HttpCamera:
    """Sends GET requests to one address; keeps the server's challenge for the next request."""

    def __init__(self, address: str) -> None:
        self.name = without_password(address)
        self._url = urlsplit(address)
        self._target = f"{self._url.path or '/'}{'?' if self._url.query else ''}{self._url.query}"
        self._login: Login | None = None

    @contextmanager
    def get(self) -> Generator[tuple[http.client.HTTPResponse, "DeadlineSocket"], None, None]:
        """Yields the response with status 200 to a GET, and its socket.

        Raises:
            SourceBusyError: the server asks to try again later (5xx, 429).
            MachineError: there is no such server or image, it refuses access, or it is lost.
            InputRefused: the address is not valid, or the server names another one.
        """
        with _failures(self.name):
            for remaining in reversed(range(MAX_REQUESTS)):
                with (
                    closing(_connect(self._url, self.name)) as connection,
                    closing(connection.sock),
                ):
                    deadline_socket = connection.sock = DeadlineSocket(connection.sock)
                    connection.request("GET", self._target, headers=self._headers())
                    with closing(connection.getresponse()) as response:
                        if response.status == 401 and remaining and self._can_answer(response):
                            continue
                        self._check(response)
                        yield response, deadline_socket
                        return

    def _headers(self) -> dict[str, str | bytes]:
        headers: dict[str, str | bytes] = {"Accept": "multipart/x-mixed-replace, image/jpeg, */*"}
        if self._login:
            headers["Authorization"] = self._login.header("GET", self._target)
        return headers

    def _can_answer(self, response: http.client.HTTPResponse) -> bool:
        """Whether a login for the next request was made from the user, password and challenge."""
        challenge = choose_challenge(response.headers.get_all("WWW-Authenticate", []))
        if self._url.username is None or challenge is None:
            return False
        if self._login and not _is_new(challenge, self._login.challenge):
            return False
        user, password = unquote(self._url.username), unquote(self._url.password or "")
        if not (user + password).isprintable():
            raise InputRefused(self.name, "expected a user and password of printable characters")
        self._login = Login(user, password, challenge)
        return True

    def _check(self, response: http.client.HTTPResponse) -> None:
        status = f"{response.status} {response.reason}"
        if response.status == 429 or response.status >= 500:
            raise SourceBusyError(self.name, f"answers {status}")
        if response.status in (401, 403):
            raise MachineError(self.name, f"answers {status}; {self._access_hint(response)}")
        if 300 <= response.status < 400:
            location = response.headers.get("Location", "another address")
            raise InputRefused(
                self.name, f"answers {status}; the stream is at {location}, use that address"
            )
        if response.status != 200:
            raise MachineError(self.name, f"answers {status}")

    def _access_hint(self, response: http.client.HTTPResponse) -> str:
        if self._url.username is None:
            return "add a user and password, as in http://user:password@..."
        if self._login is None and response.status == 401:
            return "it asks for neither digest nor basic authentication, which Quince has"
        return "it does not accept this user and password"


def _is_new(challenge: Challenge, answered: Challenge) -> bool:
    """Whether another answer is asked for, not the same one refused."""
    is_stale = challenge.parameters.get("stale", "").lower() == "true"
    return is_stale and challenge.parameters.get("nonce") != answered.parameters.get("nonce")


class DeadlineSocket:
    """A socket for http.client with a deadline for a whole frame.

    The timeout of a plain socket starts again with every byte.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.sendall = connected.sendall
        self.restart()

    def close(self) -> None:
        """Does nothing: http.client calls it when it has read the response's headers."""

    def restart(self) -> None:
        """Gives the next frame FRAME_TIMEOUT_S from now."""
        self._deadline_s = time.monotonic() + FRAME_TIMEOUT_S

    def makefile(self, mode: str) -> io.BufferedReader:
        """Returns the file that http.client reads the response from."""
        return io.BufferedReader(_DeadlineReader(self))

    def receive_into(self, buffer: Any) -> int:
        """Waits for some bytes until the deadline and returns their number."""
        remaining_s = self._deadline_s - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError
        self._socket.settimeout(remaining_s)
        return self._socket.recv_into(buffer)


class _DeadlineReader(io.RawIOBase):
    def __init__(self, source: DeadlineSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.receive_into(buffer)


@contextmanager
def _failures(name: str) -> Generator[None, None, None]:
    """Turns network errors and invalid HTTP into MachineError."""
    try:
        yield
    except TimeoutError as error:
        raise MachineError(name, f"no frame for {FRAME_TIMEOUT_S:g} s") from error
    except ssl.SSLCertVerificationError as error:
        reason = f"its certificate is not valid here: {error.verify_message}"
        raise MachineError(name, reason) from error
    except OSError as error:
        raise MachineError(name, error.strerror or str(error)) from error
    except (http.client.HTTPException, ValueError) as error:
        reason = f"its response is not HTTP: {str(error) or type(error).__name__}"
        raise MachineError(name, reason) from error


def _connect(url: SplitResult, name: str) -> http.client.HTTPConnection:
    try:
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise InputRefused(name, f"expected {EXAMPLE} ({error})") from error
    if not host:
        raise InputRefused(name, f"expected {EXAMPLE}, found no host")
    secure = url.scheme == "https"
    connection_class = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connection_class(host, port, timeout=CONNECT_TIMEOUT_S)
    try:
        connection.connect()
    except OSError as error:
        connection.close()
        if isinstance(error, TimeoutError):
            raise MachineError(name, f"does not answer within {CONNECT_TIMEOUT_S:g} s") from error
        raise
    return connection
