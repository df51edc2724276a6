"""The parts of a multipart body, from a peer that may be broken or hostile."""

from collections.abc import Callable

from runtime.errors import InputRefused

MAX_PART_BYTES = 8 * 2**20
MAX_HEAD_BYTES = 8192
CHUNK_BYTES = 65_536
END_OF_JPEG = b"\xff\xd9"


class _Ended(Exception):
    pass


class Parts:
    """Reads parts one after the other. At most one part and one chunk of the body are held.

    `read` gives up to the wanted number of bytes as soon as there are some, and none at the end. A part ends after its Content-Length, or
    else at the next delimiter or where a JPEG ends and nothing has followed yet.
    """

    def __init__(self, read: Callable[[int], bytes], name: str) -> None:
        self._read, self._name = read, name
        self._held = bytearray()
        self._delimiter = b""
        self.count = 0

    def next(self) -> bytes | None:
        """The content of the next part, without its head; None at the end.

        Raises:
            InputRefused: a part over 8 MB, a head over 8 kB, or no parts at all.
        """
        try:
            if not self._find_delimiter():
                return None
            length = self._head()
            content = self._up_to_delimiter() if length is None else self._exactly(length)
        except _Ended:
            return None
        self.count += 1
        return content

    def _find_delimiter(self) -> bool:
        """Passes over everything until a part begins; False at the end of them all."""
        passed = 0
        while True:
            line = self._line(CHUNK_BYTES)
            if not self._delimiter and line.startswith(b"--") and len(line) > 2:
                self._delimiter = line
            if line == self._delimiter:
                return True
            if line == self._delimiter + b"--":
                return False
            passed += len(line)
            if passed > (MAX_PART_BYTES if self._delimiter else MAX_HEAD_BYTES):
                raise InputRefused(self._name, "expected an MJPEG stream, found no delimiter of its parts")

    def _head(self) -> int | None:
        """The Content-Length of a part, None if its head gives none."""
        length, taken = None, 0
        while line := self._line(MAX_HEAD_BYTES):
            taken += len(line)
            if taken >= MAX_HEAD_BYTES:
                raise InputRefused(self._name, f"the head of a frame is over {MAX_HEAD_BYTES} bytes")
            field, _, value = line.partition(b":")
            if field.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value.strip()[:20])
        if length is not None and length > MAX_PART_BYTES:
            raise self._too_large(f"of {length}")
        return length or None

    def _exactly(self, length: int) -> bytes:
        while len(self._held) < length:
            self._fill()
        cut = self._held.find(self._delimiter, 0, length)  # fewer bytes came than were announced
        return self._take(cut if cut >= 0 else length)

    def _up_to_delimiter(self) -> bytes:
        seen = 0
        while True:
            at = self._held.find(self._delimiter, max(0, seen - len(self._delimiter)))
            if at >= 0:
                return self._take(at)
            seen = len(self._held)
            if seen > MAX_PART_BYTES:
                raise self._too_large(f"over {MAX_PART_BYTES}")
            if bytes(self._held[-4:]).rstrip(b"\r\n").endswith(END_OF_JPEG):
                return self._take(seen)
            self._fill()

    def _line(self, limit: int) -> bytes:
        """The next line without its end; what is longer than `limit` comes in pieces."""
        while (at := self._held.find(b"\n", 0, limit)) < 0 and len(self._held) < limit:
            self._fill()
        line = self._take(at + 1 if at >= 0 else limit)
        return line.rstrip(b"\r\n") if at >= 0 else line

    def _take(self, count: int) -> bytes:
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def _fill(self) -> None:
        more = self._read(CHUNK_BYTES)
        if not more:
            raise _Ended
        self._held += more

    def _too_large(self, size: str) -> InputRefused:
        return InputRefused(self._name, f"a frame {size} bytes; at most {MAX_PART_BYTES} are taken")
