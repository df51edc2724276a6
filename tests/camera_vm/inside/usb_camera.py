"""A USB camera that is a program: it answers USB/IP on a socket whose other end is the kernel's vhci_hcd; uvcvideo drives it as any other.

Sources: Documentation/usb/usbip_protocol.rst of Linux; USB Device Class Definition for Video Devices 1.0a, 2.4.3.3 (payload headers),
4.3.1.1 (probe and commit).
"""

import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import usb_descriptors as usb

PORT = Path("/sys/devices/platform/vhci_hcd.0")
HIGH_SPEED = 3
SUBMIT, UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
STALL, RESET = -32, -104
PROBE = struct.Struct("<HBBIHHHHHII")
END_OF_FRAME, END_OF_HEADER = 0x02, 0x80


class UsbCamera:
    """Plugged in as soon as it is made. `picture` gives a frame's bytes for (format index, width, height)."""

    def __init__(self, picture: Callable[[int, int, int], bytes]) -> None:
        self.picture = picture
        self.sent = 0
        self._probe = [1, 1]
        self._waiting: deque[tuple[int, int]] = deque()
        self._rest = b""
        self._frame_id = 0
        self._next = 0.0
        self._mine, kernels = socket.socketpair()
        with kernels:
            (PORT / "attach").write_text(f"0 {kernels.fileno()} 65537 {HIGH_SPEED}")
        threading.Thread(target=self._serve, daemon=True).start()

    def unplug(self) -> None:
        """As pulled out."""
        with suppress(OSError):
            self._mine.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError, EOFError), self._mine:
            while True:
                left = max(0.0, self._next - time.monotonic()) if self._waiting else None
                if select.select([self._mine], (), (), left)[0]:
                    self._command()
                elif self._waiting:
                    self._fill(*self._waiting.popleft())

    def _command(self) -> None:
        head = self._read(48)
        command, number, _, into, endpoint, _, length = struct.unpack(">7I", head[:28])
        if command == UNLINK:
            (victim,) = struct.unpack(">I", head[20:24])
            there = [one for one in self._waiting if one[0] == victim]
            for one in there:
                self._waiting.remove(one)
            self._mine.sendall(struct.pack(">5Ii24x", UNLINKED, number, 0, 0, 0, RESET if there else 0))
            return
        content = b"" if into else self._read(length)
        if endpoint:
            self._waiting.append((number, length))
            return
        answer = self._control(*struct.unpack("<BBHHH", head[40:48]), content)
        if answer is None:
            self._answer(number, b"", STALL)
        else:
            self._answer(number, answer[:length] if into else b"", 0, length)

    def _control(self, kind: int, request: int, value: int, index: int, length: int, content: bytes) -> bytes | None:
        if kind == 0x80 and request == 6:
            return usb.descriptor(value >> 8, value & 0xFF)
        if kind & 0x60 == 0:  # other standard requests: set configuration, set interface, clear feature, get status
            return bytes(length)
        if index != 1 or value >> 8 not in (1, 2):
            return None
        if request == 0x01:
            _, form, frame, *_ = PROBE.unpack(content[: PROBE.size])
            self._probe = [form if form in usb.SIZES else 1, 0]
            self._probe[1] = frame if 1 <= frame <= len(usb.SIZES[self._probe[0]]) else 1
            self._rest, self._next = b"", time.monotonic()
            return b""
        if request == 0x86:
            return b"\x03"
        if request == 0x85:
            return struct.pack("<H", PROBE.size)
        return PROBE.pack(1, *self._probe, usb.INTERVAL, 0, 0, 0, 0, 0, usb.MOST_BYTES, usb.MOST_BYTES + 2)

    def _fill(self, number: int, length: int) -> None:
        """The next piece of a frame into a transfer; a short one ends the frame."""
        if not self._rest:
            form, frame = self._probe
            self._frame_id ^= 1
            head = bytes((2, END_OF_HEADER | END_OF_FRAME | self._frame_id))
            self._rest = head + self.picture(form, *usb.SIZES[form][frame - 1])
            self._rest += b"\0" * (len(self._rest) % length == 0 and form == 1)
            self.sent += 1
        piece, self._rest = self._rest[:length], self._rest[length:]
        if not self._rest:
            self._next = max(time.monotonic(), self._next + usb.INTERVAL / 1e7)
        self._answer(number, piece, 0)

    def _answer(self, number: int, content: bytes, status: int, length: int | None = None) -> None:
        actual = len(content) if content or length is None else length
        self._mine.sendall(struct.pack(">5IiIIII8x", SUBMITTED, number, 0, 0, 0, status, actual, 0, 0, 0) + content)

    def _read(self, count: int) -> bytes:
        taken = b""
        while len(taken) < count:
            more = self._mine.recv(count - len(taken))
            if not more:
                raise EOFError
            taken += more
        return taken
