"""Completes a JPEG that lacks its end marker, if no image data is missing.

Cameras and interrupted copies leave such files. libjpeg fills missing data with grey and reports
nothing, so the data is tested: where a byte of it is missing, the pixels depend on what follows.
Structure of the file: ITU-T T.81, annex B.
"""

from collections.abc import Callable, Iterator

from PIL import Image

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
START_OF_SCAN = 0xDA
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
RESTART_MARKERS = bytes(range(0xD0, 0xD8))
COEFFICIENTS = 64
MISSING_DATA = "broken (truncated: the end of its image data is missing)"
END_MARKER_REMARK = "lacks the JPEG end marker; it is used, because no image data is missing"


def lacks_end_marker(content: bytes) -> bool:
    """Checks whether `content` is a JPEG whose image data no end marker (FF D9) follows."""
    if not content.startswith(JPEG_START) or content.endswith(JPEG_END):
        return False
    scans = _scans(content)
    return bool(scans) and content.find(JPEG_END, scans[-1][0]) < 0


def complete_jpeg(content: bytes, decode: Callable[[bytes], Image.Image]) -> bytes | None:
    """Returns a JPEG that lacks its end marker with one, or None if image data is missing.

    It is decoded at full size several times, each time with other data in place of what would
    follow.

    Args:
        content: `lacks_end_marker` is true of it.
        decode: decodes a JPEG at full size; may raise anything about a broken one.
    """
    padding = len(content) - len(content.rstrip(b"\0"))
    if padding > 1:  # a buffer of a fixed size; a single zero is image data
        content = content[:-padding]
        content += b"\0" if content.endswith(b"\xff") else b""  # FF 00 is one byte of data
    else:
        content = content.removesuffix(b"\xff")  # half of the end marker
    if _has_all_coefficients(content) and _is_independent(content, decode):
        return content + JPEG_END
    return None


def _is_independent(content: bytes, decode: Callable[[bytes], Image.Image]) -> bool:
    """Checks that the pixels of a JPEG without end marker do not depend on what follows."""
    last_scan = _scans(content)[-1][0]
    restarts = sum(content.count(bytes([0xFF, code]), last_scan) for code in RESTART_MARKERS)
    next_restart = bytes([0xFF, RESTART_MARKERS[restarts % len(RESTART_MARKERS)]])
    pixels = set()
    for data in _trials():
        try:
            image = decode(content + data + next_restart + data + JPEG_END)
            pixels.add(image.tobytes())
        except Exception:  # as in `runtime.images.decoding.raise_image_refused`
            return False
        if len(pixels) > 1:
            return False
    return True


def _trials() -> Iterator[bytes]:
    """Yields image data to try: bits 0, bits 1, and two that are random and always the same."""
    import random  # 1 ms, which a start without such a JPEG need not take

    yield b"\0" * 64
    yield b"\xff\0" * 64
    for seed in (1, 2):
        yield bytes(random.Random(seed).choices(range(255), k=64))


def _has_all_coefficients(content: bytes) -> bool:
    """Checks that the scans give each coefficient of each component with all its bits.

    A progressive JPEG has many scans, and nothing but the end marker says which is the last.
    """
    frame = next((body for _, code, body in _segments(content) if code in FRAME_HEADERS), b"")
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        return False
    components = {frame[6 + 3 * index] for index in range(frame[5])}
    missing = {(component, k) for component in components for k in range(COEFFICIENTS)}
    for _, header in _scans(content):
        count = header[0] if header else 0
        if len(header) != 4 + 2 * count:
            return False
        first, last, low_bit = header[-3], header[-2], header[-1] & 15
        in_scan = {(header[1 + 2 * i], k) for i in range(count) for k in range(first, last + 1)}
        missing = missing - in_scan if low_bit == 0 else missing | in_scan
    return bool(components) and not missing


def _scans(content: bytes) -> list[tuple[int, bytes]]:
    """Returns where the data of each scan begins, and the scan's header."""
    return [(end, body) for end, code, body in _segments(content) if code == START_OF_SCAN]


def _segments(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yields each whole marker segment: where it ends, its code, and its body.

    The data of a scan is skipped: in it, FF is followed by 00 or by a restart marker.
    """
    position = 2
    while (position := content.find(b"\xff", position)) >= 0 and position + 4 <= len(content):
        code = content[position + 1]
        if code in (0x00, 0x01) or code in RESTART_MARKERS:
            position += 2
        elif code == 0xFF:
            position += 1
        elif code == JPEG_END[1]:
            return
        else:
            end = position + 2 + int.from_bytes(content[position + 2 : position + 4], "big")
            if end > len(content):
                return
            yield end, code, content[position + 4 : end]
            position = end
