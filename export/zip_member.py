"""A member of a zip archive as a seekable file, without reading it whole where it is stored as it is."""

import io
import zipfile
from pathlib import Path
from typing import Any

LOCAL_HEADER_BYTES, NAME_LENGTH_AT = 30, 26
"""Of a member's header in the zip format: its fixed part, and where in it the lengths of name and extra field stand."""


class _Window(io.RawIOBase):
    """A stored member of a zip as a seekable file. zipfile's own starts anew from the member's first byte at each step back."""

    def __init__(self, path: Path, start: int, length: int) -> None:
        self._file, self._start, self._length, self._at = path.open("rb"), start, length, 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """To `offset` from the member's start, from here, or from its end."""
        self._at = offset + (0, self._at, self._length)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as the member goes."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._length - self._at))
        self._file.seek(self._start + self._at)
        found = self._file.readinto(view[:wanted])
        self._at += found
        return found

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()


def open_member(path: Path, archive: zipfile.ZipFile, name: str) -> io.BytesIO | _Window:
    """The member `name` of the archive at `path`; a compressed one is held in memory."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        return io.BytesIO(archive.read(info))
    with path.open("rb") as file:
        file.seek(info.header_offset + NAME_LENGTH_AT)
        lengths = [int.from_bytes(file.read(2), "little") for _ in range(2)]
    return _Window(path, info.header_offset + LOCAL_HEADER_BYTES + sum(lengths), info.file_size)
