"""Emulates a USB camera: answers USB/IP on a socket whose other end is the kernel's vhci_hcd.

uvcvideo drives it as any other camera. Sources: Documentation/usb/usbip_protocol.rst of Linux; USB
Device Class Definition for Video Devices 1.0a, 2.4.3.3 (payload headers), 4.3.1.1 (probe and
commit).
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
    """A camera that is plugged in at once.

    image: returns a frame's bytes for (format index, width, height).
    """

    def __init__(self, image: Callable[[int, int, int], bytes]) -> None:
        self.image = image
        self.sent = 0
        self._probe = [1, 1]
        self._transfers: deque[tuple[int, int]] = deque()
        self._remaining = b""
        self._frame_id = 0
        self._next_frame_s = 0.0
        self._socket, kernel_socket = socket.socketpair()
        with kernel_socket:
            (PORT / "attach").write_text(f"0 {kernel_socket.fileno()} 65537 {HIGH_SPEED}")
        threading.Thread(target=self._serve, daemon=True).start()

    def unplug(self) -> None:
        """Pulls the camera out."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError, EOFError), self._socket:
            while True:
                wait_s = (
                    max(0.0, self._next_frame_s - time.monotonic()) if self._transfers else None
                )
                if select.select([self._socket], (), (), wait_s)[0]:
                    self._command()
                elif self._transfers:
                    self._fill(*self._transfers.popleft())

    def _command(self) -> None:
        header = self._read(48)
        command, number, _, is_input, endpoint, _, length = struct.unpack(">7I", header[:28])
        if command == UNLINK:
            (victim,) = struct.unpack(">I", header[20:24])
            unlinked = [transfer for transfer in self._transfers if transfer[0] == victim]
            for transfer in unlinked:
                self._transfers.remove(transfer)
            status = RESET if unlinked else 0
            self._socket.sendall(struct.pack(">5Ii24x", UNLINKED, number, 0, 0, 0, status))
            return
        content = b"" if is_input else self._read(length)
        if endpoint:
            self._transfers.append((number, length))
            return
        answer = self._control(*struct.unpack("<BBHHH", header[40:48]), content)
        if answer is None:
            self._answer(number, b"", STALL)
        else:
            self._answer(number, answer[:length] if is_input else b"", 0, length)

    def _control(
        self, kind: int, request: int, value: int, index: int, length: int, content: bytes
    ) -> bytes | None:
        if kind == 0x80 and request == 6:
            return usb.descriptor(value >> 8, value & 0xFF)
        # Other standard requests: set configuration or interface, clear feature, get status.
        if kind & 0x60 == 0:
            return bytes(length)
        if index != 1 or value >> 8 not in (1, 2):
            return None
        if request == 0x01:
            _, form, frame, *_ = PROBE.unpack(content[: PROBE.size])
            self._probe = [form if form in usb.SIZES else 1, 0]
            self._probe[1] = frame if 1 <= frame <= len(usb.SIZES[self._probe[0]]) else 1
            self._remaining, self._next_frame_s = b"", time.monotonic()
            return b""
        if request == 0x86:
            return b"\x03"
        if request == 0x85:
            return struct.pack("<H", PROBE.size)
        return PROBE.pack(
            1,
            *self._probe,
            usb.INTERVAL,
            0,
            0,
            0,
            0,
            0,
            usb.MAX_FRAME_BYTES,
            usb.MAX_FRAME_BYTES + 2,
        )

    def _fill(self, number: int, length: int) -> None:
        """Fills a transfer with the next piece of a frame; a short piece ends the frame."""
        if not self._remaining:
            form, frame = self._probe
            self._frame_id ^= 1
            header = bytes((2, END_OF_HEADER | END_OF_FRAME | self._frame_id))
            self._remaining = header + self.image(form, *usb.SIZES[form][frame - 1])
            self._remaining += b"\0" * (len(self._remaining) % length == 0 and form == 1)
            self.sent += 1
        piece, self._remaining = self._remaining[:length], self._remaining[length:]
        if not self._remaining:
            self._next_frame_s = max(time.monotonic(), self._next_frame_s + usb.INTERVAL / 1e7)
        self._answer(number, piece, 0)

    def _answer(self, number: int, content: bytes, status: int, length: int | None = None) -> None:
        actual = len(content) if content or length is None else length
        self._socket.sendall(
            struct.pack(">5IiIIII8x", SUBMITTED, number, 0, 0, 0, status, actual, 0, 0, 0) + content
        )

    def _read(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            piece = self._socket.recv(count - len(content))
            if not piece:
                raise EOFError
            content += piece
        return content
