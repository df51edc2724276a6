"""Where pictures come from: one file and one row per kind of source."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image

from runtime.errors import InputRefused, MachineError, PictureRefused
from runtime.opening import open_picture, read_picture
from runtime.plugins import Plugin, choose

SILENCE_S = 10.0
"""Seconds without a frame after which a camera or stream counts as lost."""


class Frame(NamedTuple):
    """One picture of a source."""

    name: str
    """What a user calls it: the file's path, or "camera:0 #17"."""
    image: Image.Image
    """Any mode; as it came: EXIF orientation is left to `preprocess`. Of a source's generator perhaps not decoded yet (Pillow does that
    when it is first used); of `Capture.next` decoded."""
    taken: float
    """`time.monotonic()` when it arrived, in seconds."""


Frames = Generator[Frame | PictureRefused, None, None]
"""What a source gives: frames, and for each that cannot be used the refusal, after which it goes on. Closing it frees the device.

Raises MachineError where the source cannot be opened or is gone, InputRefused where it is something else than expected.
"""


class Busy(MachineError):
    """A source that is there and wants to be asked again later: it is, even where it was never open before."""


class Kind(NamedTuple):
    """One row: the leaf's function, and what it gives for an address."""

    plugin: Plugin
    gives: Literal["paths", "frames", "live frames"]
    """Paths of picture files: `(address) -> Iterator[Path]`. Frames: `(address) -> Frames`; live ones go by, and only the newest counts."""


SOURCES = {
    "picture": Kind(Plugin("runtime.sources.picture:paths", extra=""), "paths"),
    "folder": Kind(Plugin("runtime.sources.folder:paths", extra=""), "paths"),
    "glob": Kind(Plugin("runtime.sources.pattern:paths", extra=""), "paths"),
    "-": Kind(Plugin("runtime.sources.standard_input:paths", extra=""), "paths"),
    "clip": Kind(Plugin("runtime.sources.clip:frames", extra="video"), "frames"),
    "camera": Kind(Plugin("runtime.sources.camera:frames", extra="camera"), "live frames"),
    "picamera2": Kind(Plugin("runtime.sources.picamera:frames", extra=""), "live frames"),
    "http": Kind(Plugin("runtime.sources.mjpeg:frames", extra=""), "live frames"),
    "https": Kind(Plugin("runtime.sources.mjpeg:frames", extra=""), "live frames"),
    "rtsp": Kind(Plugin("runtime.sources.rtsp:frames", extra="video"), "live frames"),
    "rtsps": Kind(Plugin("runtime.sources.rtsp:frames", extra="video"), "live frames"),
}

ADDRESSES = {scheme: SOURCES[scheme] for scheme in ("http", "https", "rtsp", "rtsps")}

CLIP_SUFFIXES = frozenset(
    {
        ".3gp",
        ".avi",
        ".flv",
        ".h264",
        ".h265",
        ".m2ts",
        ".m4v",
        ".mjpeg",
        ".mjpg",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".ogv",
        ".ts",
        ".webm",
    }
)
"""Files read as clips; every other one is read as a picture."""


class Source(NamedTuple):
    """A source that was named and not opened yet."""

    name: str
    """What a user calls it, without a password."""
    address: str
    kind: Kind

    @property
    def live(self) -> bool:
        """A camera or stream, of which the newest frame counts and which is opened again when it is lost; else every frame counts."""
        return self.kind.gives == "live frames"

    @property
    def of_files(self) -> bool:
        """Whether `paths` gives what it consists of."""
        return self.kind.gives == "paths"

    def require(self) -> None:
        """Raises MachineError, naming this source, where the package that reads it is not installed: waiting would not help."""
        try:
            self.kind.plugin.load()
        except MachineError as error:
            raise MachineError(self.name, error.reason) from error

    def paths(self) -> Iterator[Path]:
        """The picture files it consists of, in a stable order."""
        found: Iterator[Path] = self._leaf()(self.address)
        return found

    def frames(self) -> Frames:
        """Opens it and gives its frames; see `Frames`."""
        if self.of_files:
            for path in self.paths():
                try:
                    yield Frame(str(path), open_picture(read_picture(path), str(path)), time.monotonic())
                except PictureRefused as refusal:
                    yield refusal
            return
        opened: Frames = self._leaf()(self.address)
        with closing(opened):
            yield from opened

    def _leaf(self) -> Any:
        try:
            return self.kind.plugin.load()
        except MachineError as error:  # its package is missing
            raise MachineError(self.name, error.reason) from error


def open_source(text: str) -> Source:
    """What `text` names: a picture, a clip, a folder, a pattern such as "*.jpg", "-" (paths on standard input, one a line), "camera:0" or
    "camera:/dev/video0", "picamera2" or "picamera2:1", an address http://, https:// (MJPEG) or rtsp://.

    Raises:
        InputRefused: no such kind of source, or an address that is none.
    """
    scheme, mark, rest = text.partition(":")
    if text == "-":
        return Source("standard input", text, SOURCES["-"])
    if rest.startswith("//"):
        return Source(without_password(text), text, choose(ADDRESSES, scheme.lower(), "kind of address"))
    if text == "picamera2" or (mark and scheme in ("camera", "picamera2")):
        return Source(text, rest or "0", SOURCES[scheme])
    return Source(text, text, SOURCES[_kind_of_file(text)])


def _kind_of_file(text: str) -> str:
    if os.path.isdir(text):
        return "folder"
    if not os.path.lexists(text) and any(mark in text for mark in "*?["):
        return "glob"
    return "clip" if os.path.splitext(text)[1].lower() in CLIP_SUFFIXES else "picture"


def without_password(url: str) -> str:
    """The address without the user and password in it: what may be shown.

    Raises:
        InputRefused: no address; the message does not repeat it, nor Python's, since a password may be in it.
    """
    from urllib.parse import urlsplit  # only addresses need it, and it is a hundredth of a start

    try:
        place = urlsplit(url).netloc
    except ValueError as error:
        scheme = url.partition(":")[0]
        raise InputRefused(
            f"{scheme}://...", "not an address; expected one like http://192.168.1.20:8080/stream or http://[::1]/"
        ) from error
    return url.replace(place, place.rpartition("@")[2], 1)
