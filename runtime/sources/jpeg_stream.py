"""Reads JPEG files that follow each other without anything between them, or a single one.

The peer may be broken or hostile. A JPEG is followed marker by marker (ITU-T T.81, annex B), since
its metadata may hold the end marker of a thumbnail.
"""

from collections.abc import Callable

from runtime.errors import InputRefused
from runtime.images.jpeg_end import JPEG_END, JPEG_START
from runtime.sources.base import GarbledStreamError
from runtime.sources.multipart import CHUNK_BYTES, MAX_PART_BYTES

WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})


class JpegReader:
    """Reads one JPEG after another; holds at most one and one chunk.

    `read` returns up to the requested number of bytes as soon as there are some, and none at the
    end.
    """

    def __init__(self, read: Callable[[int], bytes], name: str) -> None:
        self._read, self._name = read, name
        self._buffer = bytearray()
        self._ended = False

    def next(self) -> bytes | None:
        """Returns the next JPEG, perhaps a cut one; None at the end.

        Raises:
            GarbledStreamError: there are 8 MB without a JPEG.
            InputRefused: a JPEG over 8 MB.
        """
        if not self._skip_to_start():
            return None
        end = self._find_end()
        content = bytes(self._buffer[:end])
        del self._buffer[:end]
        return content

    def _skip_to_start(self) -> bool:
        skipped = 0
        while (start := self._buffer.find(JPEG_START)) < 0:
            surplus = max(0, len(self._buffer) - len(JPEG_START) + 1)
            skipped += surplus
            del self._buffer[:surplus]
            if skipped > MAX_PART_BYTES:
                raise GarbledStreamError(self._name, f"found no JPEG in {skipped} bytes")
            if not self._fill():
                return False
        del self._buffer[:start]
        return True

    def _find_end(self) -> int:
        """Returns the length of the JPEG at the start of the buffer; a cut one ends at the next."""
        position = len(JPEG_START) - 1
        while True:
            marker = self._buffer.find(b"\xff", position)
            if marker < 0 or marker + 4 > len(self._buffer):
                position = len(self._buffer) if marker < 0 else marker
                if marker >= 0 and self._buffer[marker:] == JPEG_END:
                    return len(self._buffer)
                if not self._fill():
                    return len(self._buffer)
                continue
            code = self._buffer[marker + 1]
            if code == JPEG_END[1]:
                return marker + 2
            if code == JPEG_START[1]:
                return marker
            if code == 0xFF:
                position = marker + 1
            elif code in WITHOUT_LENGTH:
                position = marker + 2
            else:
                length = int.from_bytes(self._buffer[marker + 2 : marker + 4], "big")
                position = marker + 2 + length
                while len(self._buffer) < position:
                    if not self._fill():
                        return len(self._buffer)

    def _fill(self) -> bool:
        if len(self._buffer) > MAX_PART_BYTES:
            raise InputRefused(
                self._name, f"an image over {MAX_PART_BYTES} bytes; expected at most that"
            )
        chunk = b"" if self._ended else self._read(CHUNK_BYTES)
        self._ended = not chunk
        self._buffer += chunk
        return bool(chunk)
