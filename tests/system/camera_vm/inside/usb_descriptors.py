"""Builds the descriptors of a small USB camera: USB Video Class 1.0, MJPEG and YUY2, bulk endpoint.

Sources: USB 2.0, chapter 9; USB Device Class Definition for Video Devices 1.0a, chapters 3 and 4,
and its payload specifications.
"""

import struct

SIZES = {1: ((1280, 720), (640, 480)), 2: ((640, 480),)}
"""By format index (1 MJPEG, 2 YUY2); frame index n is the n-th size."""
INTERVAL = 333_333
"""Time between two frames in units of 100 ns, for 30 frames per second."""
MAX_FRAME_BYTES = 640 * 480 * 2
ENDPOINT, PACKET = 0x81, 512
YUY2 = b"YUY2\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
NAME = "Test camera"


def _descriptor(kind: int, content: bytes) -> bytes:
    return struct.pack("BB", len(content) + 2, kind) + content


def _frames(kind: int, sizes: tuple[tuple[int, int], ...]) -> bytes:
    return b"".join(
        _descriptor(
            0x24,
            struct.pack(
                "<BBBHHIIIIBI",
                kind,
                number,
                0,
                *size,
                1,
                2**30,
                MAX_FRAME_BYTES,
                INTERVAL,
                1,
                INTERVAL,
            ),
        )
        for number, size in enumerate(sizes, 1)
    )


def _streaming() -> bytes:
    mjpeg = _descriptor(0x24, struct.pack("9B", 6, 1, len(SIZES[1]), 1, 1, 0, 0, 0, 0)) + _frames(
        7, SIZES[1]
    )
    yuy2 = _descriptor(
        0x24, struct.pack("3B", 4, 2, len(SIZES[2])) + YUY2 + struct.pack("6B", 16, 1, 0, 0, 0, 0)
    ) + _frames(5, SIZES[2])
    formats = mjpeg + yuy2
    header = struct.pack("<BBHBBBBBBBBB", 1, 2, 15 + len(formats), ENDPOINT, 0, 2, 0, 0, 0, 1, 0, 0)
    return _descriptor(0x24, header) + formats


def _control() -> bytes:
    terminals = _descriptor(0x24, struct.pack("<BBHBBHHHB3x", 2, 1, 0x0201, 0, 0, 0, 0, 0, 3))
    terminals += _descriptor(0x24, struct.pack("<BBHBBB", 3, 2, 0x0101, 0, 1, 0))
    return (
        _descriptor(0x24, struct.pack("<BHHIBB", 1, 0x0100, 13 + len(terminals), 48_000_000, 1, 1))
        + terminals
    )


DEVICE = _descriptor(
    1, struct.pack("<HBBBBHHHBBBB", 0x0200, 0xEF, 2, 1, 64, 0x1D6B, 0x0102, 0x0010, 0, 1, 0, 1)
)
QUALIFIER = _descriptor(6, struct.pack("<HBBBBBB", 0x0200, 0xEF, 2, 1, 64, 1, 0))
LANGUAGES = _descriptor(3, struct.pack("<H", 0x0409))


def configuration() -> bytes:
    """Returns the configuration descriptor with everything in it."""
    parts = _descriptor(0x0B, bytes((0, 2, 0x0E, 3, 0, 0)))
    parts += _descriptor(4, bytes((0, 0, 0, 0x0E, 1, 0, 0))) + _control()
    parts += _descriptor(4, bytes((1, 0, 1, 0x0E, 2, 0, 0))) + _streaming()
    parts += _descriptor(5, struct.pack("<BBHB", ENDPOINT, 2, PACKET, 0))
    return _descriptor(2, struct.pack("<HBBBBB", 9 + len(parts), 2, 1, 0, 0x80, 50)) + parts


def descriptor(kind: int, number: int) -> bytes | None:
    """Returns the answer to GET_DESCRIPTOR, or None for an unknown one."""
    if kind == 3:
        return LANGUAGES if number == 0 else _descriptor(3, NAME.encode("utf-16-le"))
    return {1: DEVICE, 2: configuration(), 6: QUALIFIER}.get(kind)
