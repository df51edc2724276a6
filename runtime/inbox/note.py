"""Writes what is known of an image into its JPEG, and reads it.

The note is JSON in a comment of the file. So an image and its note are written in one step, move
together, and cannot disagree, and a class folder holds nothing but images.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from PIL import Image

from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import open_image
from runtime.images.region import Region
from runtime.images.upright import upright_rgb
from runtime.inbox.names import FIRST_YEAR, Reason, escape_surrogates
from runtime.system.json_records import parse_json, rename_old_keys

JPEG_QUALITY = 95
"""High, because the images are used in training."""
MAX_NOTE_BYTES = 65_533
"""A comment of a JPEG has a length of two bytes, which counts itself."""
MAX_TEXT = 1000
OLD_KEYS = {"time": "at", "model": "bundle_id", "label": "predicted"}
"""The keys of notes from before version 0.2.0, which are still read."""


@dataclass(frozen=True)
class Note:
    """Holds what is known of an image.

    reason: why it was kept. source, frame: their names. at: local time, ISO 8601, None where the
    clock was not set. region: the part that counts, None for all of it; a text in older notes.
    bundle_id: the id of the bundle that answered, or "". predicted, score: its best class, 0..1.
    verdict: "known", "unsure" or "unknown". similarity: -1..1.
    """

    reason: Reason
    source: str
    frame: str
    at: str | None = None
    region: Region | None = None
    bundle_id: str = ""
    predicted: str = ""
    score: float | None = None
    verdict: str = ""
    similarity: float | None = None


def local_time() -> str | None:
    """Returns the time now, ISO 8601 with offset, or None while the clock was not set."""
    now = datetime.now().astimezone()
    return now.isoformat(timespec="milliseconds") if now.year >= FIRST_YEAR else None


def encode_with_note(image: Image.Image, note: Note) -> bytes:
    """Returns a JPEG with the note in it.

    Raises:
        ImageRefused: the image cannot be a JPEG.
    """
    fields = {
        key: escape_surrogates(value[:MAX_TEXT]) if isinstance(value, str) else value
        for key, value in asdict(note).items()
    }
    content = BytesIO()
    try:
        comment = json.dumps(fields, ensure_ascii=False).encode()
        upright_rgb(image).save(content, "JPEG", quality=JPEG_QUALITY, comment=comment)
    except OSError as error:
        raise ImageRefused(note.frame, f"cannot be saved as JPEG: {error}") from error
    return content.getvalue()


def read_note(content: bytes) -> dict[str, Any]:
    """Returns the note in a JPEG as it was written by anybody, or {} if there is none."""
    try:
        comment = open_image(content, "image").info.get("comment", b"")
        found = parse_json(comment, MAX_NOTE_BYTES)
    except (ImageRefused, InputRefused):
        return {}
    return rename_old_keys(found, OLD_KEYS) if isinstance(found, dict) else {}
