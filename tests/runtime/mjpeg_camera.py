"""A camera for tests: an MJPEG server on loopback that does, by the path asked for, what real and hostile ones do. Also run by hand:
python tests/runtime/mjpeg_camera.py PORT."""

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
BOUNDARY = b"frame"
OK = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def jpeg(number: int, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    """A picture of noise, so that it has a body, whose brightness goes up by 4 with `number`: far more than noise differs from noise."""
    noise = Image.effect_noise(size, 20).point(lambda value: (value + 4 * number) % 256)
    out = io.BytesIO()
    noise.convert(mode).save(out, "JPEG")
    return out.getvalue()


def without_huffman_tables(content: bytes) -> bytes:
    """A JPEG as many webcams send it: the DHT segments left out, since they are the standard's own."""
    kept, at = bytearray(content[:2]), 2
    while content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4], "big") + 2
        if content[at + 1] != 0xC4:
            kept += content[at : at + length]
        at += length
    return bytes(kept + content[at:])


def bomb() -> bytes:
    """A JPEG of some hundred bytes whose header says 60,000 x 10,000 pixels."""
    content = bytearray(jpeg(0, (16, 16)))
    at = content.find(b"\xff\xc0")
    content[at + 5 : at + 9] = (10_000).to_bytes(2, "big") + (60_000).to_bytes(2, "big")
    return bytes(content)


def corrupt(content: bytes) -> bytes:
    """512 random bytes in the middle."""
    middle = len(content) // 2
    return content[:middle] + random.Random(len(content)).randbytes(512) + content[middle + 512 :]


def part(content: bytes, boundary: bytes = BOUNDARY, length: int | None = -1) -> bytes:
    """One frame as it is sent; `length` None leaves Content-Length out, -1 is the true one."""
    announced = b"" if length is None else b"Content-Length: %d\r\n" % (len(content) if length == -1 else length)
    return b"--" + boundary + b"\r\nContent-Type: image/jpeg\r\n" + announced + b"\r\n" + content + b"\r\n"


class Camera:
    """`with Camera() as camera: camera.url("steady")`. `modes` says what to do instead, for a path, one connection after the other."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.connections = self.open = 0
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

    def url(self, mode: str) -> str:
        return f"http://127.0.0.1:{self.port}/{mode}"

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with suppress(OSError):
                peer, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(peer, self.connections), daemon=True).start()

    def _serve(self, peer: socket.socket, connection: int) -> None:
        self._peers.add(peer)
        self.open += 1
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
            self.open -= 1
            self._peers.discard(peer)
            peer.close()


def replies(mode: str, connection: int) -> Iterator[bytes | float]:
    """What is sent on the `connection`th connection, and floats for seconds of rest."""
    status = {"html": "200 OK", "401": "401 Unauthorized", "404": "404 Not Found", "503": "503 Service Unavailable"}
    if mode == "503_then_ok":
        mode = "503" if connection <= 2 else "steady"
    if mode in status:
        yield f"HTTP/1.0 {status[mode]}\r\nContent-Type: text/html\r\n\r\n<html>no stream</html>".encode()
        return
    yield OK
    if mode in ("drop", "reset", "flap"):
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


def frames(mode: str, numbers: range) -> Iterator[bytes | float]:
    """Parts at a steady pace; where the mode is about broken ones, every second of them is."""
    broken = {"corrupt": corrupt, "cut": lambda content: content[: len(content) // 2], "garbage": lambda content: b"no jpeg " * 50}
    for number in numbers:
        content = jpeg(number)
        odd = bool(number % 2)
        if mode.endswith("nolen"):
            yield part(content, length=None)
        elif mode == "badboundary":
            yield part(content, boundary=b"another")
        elif mode == "bomb" and odd:
            yield part(bomb())
        elif mode == "nodht":
            yield part(without_huffman_tables(content))
        elif mode == "resize":
            yield part(jpeg(number, (64, 48) if odd else (128, 96)))
        elif mode == "gray":
            yield part(jpeg(number, mode="L"))
        elif mode == "short" and odd:
            yield part(content[: len(content) // 2], length=len(content))
        elif mode in broken and odd:
            yield part(broken[mode](content))
        else:
            yield part(content)
        yield 0.5 if mode == "slow" else 0.0 if mode == "fast" else INTERVAL_S


if __name__ == "__main__":
    with Camera(int(sys.argv[1])) as camera:
        print(camera.url("steady"), flush=True)
        while True:
            time.sleep(1)
