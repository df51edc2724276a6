"""Reads the parts of a multipart body from a peer that may be broken or hostile."""

import re
from collections.abc import Callable

from runtime.errors import InputRefused
from runtime.images.jpeg_end import JPEG_END
from runtime.sources.base import GarbledStreamError

MAX_PART_BYTES = 8 * 2**20
MAX_HEADER_BYTES = 8192
CHUNK_BYTES = 65_536


_DELIMITER = re.compile(rb"(?:^--|(?<!-)--(?=[!-~]))[ -~]{1,200}$")
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:")


class _BodyEnded(Exception):
    pass


class _NotAPart(Exception):
    pass


class PartReader:
    """Reads one part after another; holds at most one part and one chunk of the body.

    `read` returns up to the requested number of bytes as soon as there are some, and none at the
    end. A part ends after its Content-Length. Without one it ends at the next delimiter, or where a
    JPEG ends and nothing has followed yet. Bytes that belong to no part are skipped.
    """

    def __init__(self, read: Callable[[int], bytes], name: str, boundary: bytes = b"") -> None:
        """Stores the boundary that the response's header declares; the body may have another."""
        self._read, self._name = read, name
        self._buffer = bytearray()
        self._declared = boundary if boundary.startswith(b"--") else b"--" + boundary
        self._delimiter = b""
        self._skipped = 0

    def next(self) -> bytes | None:
        """Returns the content of the next part, without its headers; None at the end.

        Raises:
            GarbledStreamError: there are 8 MB without a part.
            InputRefused: a part over 8 MB, or headers over 8 kB.
        """
        self._skipped = 0
        try:
            while self._skip_to_part():
                try:
                    length = self._content_length()
                except _NotAPart:
                    continue
                self._delimiter = self._delimiter or self._candidate
                return self._until_delimiter() if length is None else self._exactly(length)
        except _BodyEnded:
            self._skipped += len(self._buffer)
            if self._skipped and not self._delimiter:
                raise self._garbled() from None
        return None

    def _skip_to_part(self) -> bool:
        """Skips everything until a part begins; returns False after the last part.

        Of the body's first lines, the delimiter is the first that ends with "--" and printable
        characters and is followed by a header.
        """
        while True:
            line = self._line(CHUNK_BYTES)
            if self._delimiter and line.endswith(self._delimiter):
                return True
            if self._delimiter and line == self._delimiter + b"--":
                return False
            if not self._delimiter and (candidate := self._find_delimiter(line)):
                self._candidate = candidate
                return True
            self._skipped += len(line) + 1
            if self._skipped > MAX_PART_BYTES:
                raise self._garbled()

    def _find_delimiter(self, line: bytes) -> bytes:
        if len(self._declared) > 2 and line.endswith(self._declared):
            return self._declared
        match = _DELIMITER.search(line)
        return match[0] if match else b""

    def _content_length(self) -> int | None:
        """Reads the headers of a part; returns its Content-Length, or None without one.

        Raises:
            _NotAPart: the line before was not a delimiter after all.
        """
        length, header_bytes = None, 0
        while line := self._line(MAX_HEADER_BYTES):
            if not self._delimiter and not _HEADER.match(line):
                self._skipped += len(line) + 1
                raise _NotAPart
            header_bytes += len(line)
            if header_bytes >= MAX_HEADER_BYTES:
                raise InputRefused(
                    self._name, f"the headers of a frame are over {MAX_HEADER_BYTES} bytes"
                )
            field, _, value = line.partition(b":")
            if field.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value.strip()[:20])
        if length is not None and length > MAX_PART_BYTES:
            raise self._too_large(f"of {length}")
        return length or None

    def _exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._fill()
        end = self._buffer.find(self._delimiter, 0, length)  # the part was shorter than declared
        return self._take(end if end >= 0 else length)

    def _until_delimiter(self) -> bytes:
        searched = 0
        while True:
            end = self._buffer.find(self._delimiter, max(0, searched - len(self._delimiter)))
            if end >= 0:
                return self._take(end)
            searched = len(self._buffer)
            if searched > MAX_PART_BYTES:
                raise self._too_large(f"over {MAX_PART_BYTES}")
            if bytes(self._buffer[-4:]).rstrip(b"\r\n").endswith(JPEG_END):
                return self._take(searched)
            self._fill()

    def _line(self, limit: int) -> bytes:
        """Returns the next line without its end; a line longer than `limit` comes in pieces."""
        while (end := self._buffer.find(b"\n", 0, limit)) < 0 and len(self._buffer) < limit:
            self._fill()
        line = self._take(end + 1 if end >= 0 else limit)
        return line.rstrip(b"\r\n") if end >= 0 else line

    def _take(self, count: int) -> bytes:
        content = bytes(self._buffer[:count])
        del self._buffer[:count]
        return content

    def _fill(self) -> None:
        chunk = self._read(CHUNK_BYTES)
        if not chunk:
            raise _BodyEnded
        self._buffer += chunk

    def _garbled(self) -> GarbledStreamError:
        return GarbledStreamError(
            self._name, f"found no delimiter between parts in {self._skipped} bytes"
        )

    def _too_large(self, size: str) -> InputRefused:
        return InputRefused(
            self._name, f"a frame {size} bytes; expected at most {MAX_PART_BYTES} bytes"
        )
