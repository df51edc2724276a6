"""The texts in the zip archive that TFLite Metadata appends to a model.

Archives whose members are stored as they are, like those that `export` writes, are read here; any other by Python's zipfile, which takes
0.8 MB and a fiftieth of a start. Layout: PKWARE's APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12 and 4.3.16.
"""

import struct
import zlib
from collections.abc import Iterator

MAX_TEXT_BYTES = 8 * 2**20
END, ENTRY, LOCAL = struct.Struct("<4s4H2LH"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
END_MARK, ENTRY_MARK, LOCAL_MARK = b"PK\5\6", b"PK\1\2", b"PK\3\4"
LONGEST_COMMENT = 2**16 - 1
STORED, UTF8 = 0, 0x800
"""A member's method of compression: none; and the flag of a name in UTF-8."""


class _Other(Exception):
    """Not such an archive: perhaps another kind, perhaps broken, perhaps none."""


def texts_in_tail(content: bytes) -> dict[str, str]:
    """The members of the archive at the end of `content`, by name; none if they are over 8 MB together, or it does not hold up."""
    if content.rfind(END_MARK, max(0, len(content) - LONGEST_COMMENT - END.size)) < 0:
        return {}
    try:
        members = dict(_stored(content))
    except (_Other, struct.error):
        members = _unpacked(content)
    return {name: text.decode(errors="replace") for name, text in members.items()}


def _stored(content: bytes) -> Iterator[tuple[str, bytes]]:
    end = len(content) - END.size
    mark, _, _, _, count, length, begins, comment = END.unpack_from(content, max(0, end))
    if mark != END_MARK or comment:
        raise _Other
    entry, shift, together = end - length, end - length - begins, 0
    for _ in range(count):
        mark, _, _, flags, method, _, _, crc, packed, size, named, extra, commented, _, _, _, place = ENTRY.unpack_from(content, entry)
        name = content[entry + ENTRY.size : entry + ENTRY.size + named]
        entry += ENTRY.size + named + extra + commented
        local, *_, local_named, local_extra = LOCAL.unpack_from(content, shift + place)
        start = shift + place + LOCAL.size + local_named + local_extra
        text = content[start : start + size]
        together += size
        sound = mark == ENTRY_MARK and local == LOCAL_MARK and len(text) == size == packed and zlib.crc32(text) == crc
        if not sound or method != STORED or flags & ~UTF8 or not name.isascii() or together > MAX_TEXT_BYTES:
            raise _Other
        yield name.decode(), text
    if entry != end or shift < 0:
        raise _Other


def _unpacked(content: bytes) -> dict[str, bytes]:
    import zipfile  # see above
    from io import BytesIO

    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_TEXT_BYTES:
                return {}
            return {member.filename: archive.read(member) for member in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError, OSError, RuntimeError):
        return {}
