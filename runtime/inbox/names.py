"""Names the images of an inbox and its class folders.

A name says what must survive a move to a class folder: the burst and the reason.
"""

import hashlib
import os
import re
from datetime import UTC, datetime
from typing import Literal, get_args

from runtime.system.terminal import escape_unprintable

Reason = Literal["random", "change", "unknown", "unsure", "different"]
"""Why an image was kept. "random" ones were chosen by chance alone, so they test honestly."""
KEPT_NAME = re.compile(
    rf"(?P<burst>[0-9]{{8}}T[0-9]{{6}}Z-[0-9a-f]{{6}})_[0-9]{{4,}}_"
    rf"(?P<reason>{'|'.join(get_args(Reason))})\.jpg"
)
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_NAME_BYTES = 120
FIRST_YEAR = 2025
"""A clock that shows an earlier year was never set: a board without a battery starts at 1970."""


def new_burst(after: str = "") -> str:
    """Returns a name such as "20261129T185411Z-3f2a1c", which no other burst has.

    Its random part keeps bursts apart whose clock started at 1970 again. After another burst of the
    same second it counts on, so that the bursts of a clip are listed as they came.
    """
    second = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    counts_on = after.startswith(second)
    number = int(after[-6:], 16) + 1 if counts_on else int.from_bytes(os.urandom(3))
    return f"{second}-{number % 2**24:06x}"


def kept_name(burst: str, number: int, reason: Reason) -> str:
    """Returns the file name of an image of a burst."""
    return f"{burst}_{number:04}_{reason}.jpg"


def burst_of(name: str) -> str:
    """Returns the burst that a file name states, or "" for the name of another image."""
    match = KEPT_NAME.fullmatch(name)
    return match["burst"] if match else ""


def reason_of(name: str) -> str:
    """Returns the reason that a file name states, or "" for the name of another image."""
    match = KEPT_NAME.fullmatch(name)
    return match["reason"] if match else ""


def is_image_name(name: str) -> bool:
    """Returns whether a name in a folder is that of an image, and can stand in JSON."""
    plain = not name.startswith(".") and "/" not in name and "\0" not in name
    return plain and name.lower().endswith(SUFFIXES) and name == escape_surrogates(name)


def escape_surrogates(text: str) -> str:
    r"""Returns a text that UTF-8 can write; bytes of no text become "\udc80"."""
    return text.encode("utf-8", "backslashreplace").decode()


def folder_name(label: str) -> str:
    """Returns a label as the name of one folder, unchanged if possible.

    The name is one line, has no slash, is not hidden, and has at most 120 bytes.
    """
    name = escape_unprintable(label).replace("/", "%2F")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    short = name.encode()[: MAX_NAME_BYTES - 9].decode(errors="ignore")
    return f"{short}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"
