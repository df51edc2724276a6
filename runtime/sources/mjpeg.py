"""MJPEG over HTTP, as IP cameras and ustreamer send it: an endless multipart reply, a JPEG file in each part.

Nothing of it is trusted: frames, headers and waits are bounded; the delimiter is the one the body uses, whatever the header says of it.
The standard library suffices: http.client reads the reply's head and its chunks.
"""

import http.client
import io
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from runtime.errors import InputRefused, MachineError, PictureRefused
from runtime.opening import open_picture
from runtime.sources import SILENCE_S, Busy, Frame, Frames, without_password
from runtime.sources.parts import Parts

CONNECT_S = 5.0


def frames(address: str) -> Frames:
    """Each part of the reply to a GET of `address`; see `Frames`.

    Raises:
        Busy: the server asks for patience (5xx, 429).
        MachineError: there is no such server or stream, it does not let us in, or it is lost.
        InputRefused: it answers with something else than an MJPEG stream.
    """
    url = urlsplit(address)
    name = without_password(address)
    with _failures(name), closing(_connect(url, name)) as connection, closing(connection.sock):
        line = connection.sock = _Line(connection.sock)
        connection.request("GET", f"{url.path or '/'}{'?' if url.query else ''}{url.query}", headers=_headers(url))
        response = connection.getresponse()
        with closing(response):
            _check(response, name)
            parts = Parts(response.read1, name)
            while (content := parts.next()) is not None:
                yield _frame(content, name)
                line.expect()
            if parts.count == 0:
                raise InputRefused(name, "expected an MJPEG stream, found no part in its reply")


def _frame(content: bytes, name: str) -> Frame | PictureRefused:
    try:
        return Frame(name, open_picture(content, name, formats=("JPEG",)), time.monotonic())
    except PictureRefused as refusal:
        return refusal


class _Line:
    """A socket as http.client wants it, on which the next frame has to be whole SILENCE_S after the last."""

    def __init__(self, line: socket.socket) -> None:
        self._socket = line
        self.sendall = line.sendall
        self.expect()

    def close(self) -> None:
        """Nothing: http.client calls it once it has read the reply's head."""

    def expect(self) -> None:
        """The next frame may take SILENCE_S from now."""
        self._deadline = time.monotonic() + SILENCE_S

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client reads the reply from."""
        return io.BufferedReader(_Reading(self))

    def read_into(self, buffer: Any) -> int:
        """What has come, as soon as something has."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv_into(buffer)


class _Reading(io.RawIOBase):
    def __init__(self, line: _Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._line.read_into(buffer)


@contextmanager
def _failures(name: str) -> Generator[None, None, None]:
    """Whatever goes wrong between here and the server becomes MachineError."""
    try:
        yield
    except TimeoutError as error:
        raise MachineError(name, f"no frame for {SILENCE_S:g} s") from error
    except ssl.SSLCertVerificationError as error:
        raise MachineError(name, f"its certificate is not valid here: {error.verify_message}") from error
    except OSError as error:
        raise MachineError(name, error.strerror or str(error)) from error
    except (http.client.HTTPException, ValueError) as error:
        raise MachineError(name, f"its reply is not HTTP: {str(error) or type(error).__name__}") from error


def _connect(url: SplitResult, name: str) -> http.client.HTTPConnection:
    try:
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise InputRefused(name, f"expected an address like http://192.168.1.20:8080/stream ({error})") from error
    if not host:
        raise InputRefused(name, "expected an address like http://192.168.1.20:8080/stream, found no host")
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=CONNECT_S)
    try:
        connection.connect()
    except OSError as error:
        connection.close()
        if isinstance(error, TimeoutError):
            raise MachineError(name, f"does not answer within {CONNECT_S:g} s") from error
        raise
    return connection


def _headers(url: SplitResult) -> dict[str, str]:
    headers = {"Accept": "multipart/x-mixed-replace"}
    if url.username is not None:
        account = f"{unquote(url.username)}:{unquote(url.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(account.encode()).decode()}"
    return headers


def _check(response: http.client.HTTPResponse, name: str) -> None:
    status = f"{response.status} {response.reason}"
    if response.status == 429 or response.status >= 500:
        raise Busy(name, f"answers {status}")
    if response.status == 401 and "digest" in response.headers.get("WWW-Authenticate", "").lower():
        raise MachineError(name, f"answers {status}: it wants digest authentication, and Quince has only http://user:password@...")
    if response.status in (401, 403):
        raise MachineError(name, f"answers {status}; give a user and password as http://user:password@...")
    if 300 <= response.status < 400:
        raise InputRefused(name, f"answers {status}; the stream is at {response.headers.get('Location', 'another address')}, give that")
    if response.status != 200:
        raise MachineError(name, f"answers {status}")
    kind = response.headers.get_content_type()
    if not kind.startswith("multipart/"):
        raise InputRefused(name, f"expected an MJPEG stream (multipart/x-mixed-replace), found {kind}")
