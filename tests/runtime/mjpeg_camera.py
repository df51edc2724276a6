"""Serves MJPEG on loopback as real and hostile cameras do; the path of the request selects how.

To run it by hand: python tests/runtime/mjpeg_camera.py PORT
"""

import io
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from PIL import Image

INTERVAL_S = 0.02
INTERVALS_S = {"slow": 0.5, "fast": 0.0}
BOUNDARY = b"frame"
OK = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def jpeg(number: int, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    """Returns an image of noise whose brightness grows by 4 per `number`.

    That is far more than the difference between two images of noise.
    """
    noise = Image.effect_noise(size, 20).point(lambda value: (value + 4 * number) % 256)
    out = io.BytesIO()
    noise.convert(mode).save(out, "JPEG")
    return out.getvalue()


def without_huffman_tables(content: bytes) -> bytes:
    """Returns a JPEG without DHT segments, as many webcams send: they use the standard's tables."""
    kept, position = bytearray(content[:2]), 2
    while content[position + 1] != 0xDA:
        length = int.from_bytes(content[position + 2 : position + 4], "big") + 2
        if content[position + 1] != 0xC4:
            kept += content[position : position + length]
        position += length
    return bytes(kept + content[position:])


def bomb() -> bytes:
    """Returns a JPEG of some hundred bytes whose header declares 60,000 x 10,000 pixels."""
    content = bytearray(jpeg(0, (16, 16)))
    header = content.find(b"\xff\xc0")
    content[header + 5 : header + 9] = (10_000).to_bytes(2, "big") + (60_000).to_bytes(2, "big")
    return bytes(content)


def corrupt(content: bytes) -> bytes:
    """Inserts 512 random bytes in the middle."""
    middle = len(content) // 2
    return content[:middle] + random.Random(len(content)).randbytes(512) + content[middle + 512 :]


def part(content: bytes, boundary: bytes = BOUNDARY, length: int | None = -1) -> bytes:
    """Returns one frame as it is sent; `length` None omits Content-Length, -1 is the true one."""
    headers = b"Content-Type: image/jpeg\r\n"
    if length is not None:
        headers += b"Content-Length: %d\r\n" % (len(content) if length == -1 else length)
    return b"--" + boundary + b"\r\n" + headers + b"\r\n" + content + b"\r\n"


class Camera:
    """Runs the server: `with Camera() as camera: camera.url("steady")`."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self._stopping = threading.Event()
        self._peers: set[socket.socket] = set()

    def __enter__(self) -> "Camera":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in list(self._peers):
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    @property
    def open(self) -> int:
        """The number of open connections."""
        return len(self._peers)

    def url(self, mode: str) -> str:
        return f"http://127.0.0.1:{self.port}/{mode}"

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with suppress(OSError):
                peer, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(
                    target=self._serve, args=(peer, self.connections), daemon=True
                ).start()

    def _serve(self, peer: socket.socket, connection: int) -> None:
        self._peers.add(peer)
        try:
            request = peer.recv(65_536)
            self.requests.append(request)
            mode = request.split()[1].decode().strip("/").split("?")[0]
            for piece in replies(mode, connection):
                if self._stopping.is_set():
                    break
                if isinstance(piece, float):
                    self._stopping.wait(piece)
                else:
                    peer.sendall(piece)
            if mode == "reset":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        except (OSError, IndexError):
            pass
        finally:
            self._peers.discard(peer)
            peer.close()


def replies(mode: str, connection: int) -> Iterator[bytes | float]:
    """Yields what to send on the `connection`th connection, and floats for seconds of pause."""
    status = {
        "html": "200 OK",
        "401": "401 Unauthorized",
        "404": "404 Not Found",
        "503": "503 Service Unavailable",
    }
    if mode == "503_then_ok":
        mode = "503" if connection <= 2 else "steady"
    if mode in status:
        headers = f"HTTP/1.0 {status[mode]}\r\nContent-Type: text/html\r\n\r\n"
        yield f"{headers}<html>no stream</html>".encode()
        return
    if mode in ("snapshot", "raw", "raw_noise"):
        yield from bare(mode, connection)
        return
    if mode in ("noise_as_jpeg", "noise_as_file"):
        kind = "image/jpeg" if mode == "noise_as_jpeg" else "application/octet-stream"
        yield f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode()
        yield random.Random(1).randbytes(5000)
        return
    yield OK
    if mode in ("noise", "noise_nolen", "noise_badboundary"):
        yield random.Random(connection).randbytes(100_000) + b"\n--no\n" + b"a--b"
        yield from frames(mode, range(10**9))
    elif mode == "noise_then_ok":
        yield random.Random(connection).randbytes(3000)
        yield from frames("steady", range(10**9 if connection > 2 else 0))
    elif mode == "noise_between":
        for number in range(10**9):
            yield part(jpeg(number)) + random.Random(number).randbytes(20_000)
            yield INTERVAL_S
    elif mode in ("drop", "reset", "flap"):
        yield from frames(mode, range(1 if mode == "flap" else 5))
    elif mode in ("stall", "stall_nolen"):
        yield from frames(mode, range(3))
        yield 3600.0
    elif mode == "endless":
        yield b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"
        while True:
            yield b"\xff" * 65_536
    elif mode == "endless_head":
        yield b"--frame\r\n"
        while True:
            yield b"X-Header: " + b"x" * 1000 + b"\r\n"
    elif mode == "endless_noise":
        while True:
            yield bytes(65_536)
    elif mode == "drip":
        while True:
            yield b"x"
            yield 0.05
    elif mode == "biglen":
        yield part(jpeg(0), length=10**9)
        yield 3600.0
    else:
        yield from frames(mode, range(10**9))


def bare(mode: str, connection: int) -> Iterator[bytes | float]:
    """Yields JPEG files without parts: one for each connection, or one after another."""
    if mode == "snapshot":
        content = jpeg(connection)
        length = b"Content-Length: %d\r\n" % len(content)
        yield b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + content
        return
    yield b"HTTP/1.0 200 OK\r\nContent-Type: video/x-motion-jpeg\r\n\r\n"
    for number in range(10**9):
        content = jpeg(number)
        with_thumbnail = content[:2] + b"\xff\xe1\0\x0a\xff\xd8\xff\xd9abcd" + content[2:]
        yield with_thumbnail[:700]
        yield with_thumbnail[700:]
        if mode == "raw_noise":
            yield random.Random(number).randbytes(20_000) + content[: len(content) // 2]
        yield INTERVAL_S


def frames(mode: str, numbers: range) -> Iterator[bytes | float]:
    """Yields parts at a steady pace; in the modes with broken frames every second one is broken."""
    broken = {
        "corrupt": corrupt,
        "cut": lambda content: content[: len(content) // 2],
        "garbage": lambda content: b"no jpeg " * 50,
    }
    for number in numbers:
        content = jpeg(number)
        is_odd = bool(number % 2)
        if mode.endswith("nolen"):
            yield part(content, length=None)
        elif mode.endswith("badboundary"):
            yield part(content, boundary=b"another")
        elif mode == "bomb" and is_odd:
            yield part(bomb())
        elif mode == "nodht":
            yield part(without_huffman_tables(content))
        elif mode == "resize":
            yield part(jpeg(number, (64, 48) if is_odd else (128, 96)))
        elif mode == "gray":
            yield part(jpeg(number, mode="L"))
        elif mode == "short" and is_odd:
            yield part(content[: len(content) // 2], length=len(content))
        elif mode in broken and is_odd:
            yield part(broken[mode](content))
        else:
            yield part(content)
        yield INTERVALS_S.get(mode, INTERVAL_S)


if __name__ == "__main__":
    with Camera(int(sys.argv[1])) as camera:
        print(camera.url("steady"), flush=True)
        while True:
            time.sleep(1)
