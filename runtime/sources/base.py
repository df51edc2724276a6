"""Opens a source of images. A new kind of source is one file here and one row in SOURCES."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image

from runtime.errors import ImageRefused, InputRefused, MachineError, naming
from runtime.images.decoding import open_image, read_image
from runtime.system.lazy_loading import LazyObject, lookup

POLL_INTERVAL_S = 1.0
"""The interval at which a camera of single images is asked for one, unless the user sets it."""
FRAME_TIMEOUT_S = 10.0
"""A camera or stream that gives no frame for so many seconds counts as lost."""


class Frame(NamedTuple):
    """One image of a source."""

    name: str
    """The name that a user knows: the file's path, or "camera:0 #17"."""
    image: Image.Image
    """Any mode, with its EXIF orientation, which `preprocess` applies.

    A source's generator may yield it undecoded, and Pillow decodes it at first use. `Capture.next`
    returns it decoded.
    """
    arrived_s: float
    """`time.monotonic()` at its arrival."""
    clip_s: float | None = None
    """Seconds from the start of a clip."""

    @property
    def at_s(self) -> float:
        """Returns the time of the image in seconds; only differences mean something."""
        return self.arrived_s if self.clip_s is None else self.clip_s


Frames = Generator[Frame | ImageRefused, None, None]
"""The output of a source: frames, and a refusal for each frame that cannot be used.

The source continues after a refusal. Closing the generator frees the device. The generator raises
MachineError if the source cannot be opened or is lost, and InputRefused if it is of another kind.
"""


class SourceBusyError(MachineError):
    """The source exists and asks to be opened again later.

    `Capture` tries again, even if the source was never open before.
    """


class GarbledStreamError(SourceBusyError):
    """The source sends bytes that hold no image; a new connection may be clean."""


class SourceType(NamedTuple):
    """One row of SOURCES: the function that opens an address, what it yields, and its address."""

    opener: LazyObject
    yields: Literal["paths", "frames", "live frames"]
    """paths: `(address, left_out) -> Iterator[Path]` of image files. frames: `(address) -> Frames`.

    Live frames cannot be read later, and only the newest counts.
    """
    address: Literal["file", "device", "url"] = "file"
    """device: the row's name and an optional number or path, as in `camera:0`. url: the name is the
    scheme, as in `http://...`. file: `_file_source` chooses the row."""
    polled: bool = False
    """Whether it may be single images that are asked for: `(address, every_s) -> Frames`."""


SOURCES = {
    "image": SourceType(LazyObject("runtime.sources.paths:image_path", extra=""), "paths"),
    "folder": SourceType(LazyObject("runtime.sources.paths:paths_in_folder", extra=""), "paths"),
    "glob": SourceType(LazyObject("runtime.sources.paths:paths_by_pattern", extra=""), "paths"),
    "-": SourceType(LazyObject("runtime.sources.paths:paths_from_stdin", extra=""), "paths"),
    "clip": SourceType(LazyObject("runtime.sources.clip:frames", extra="video"), "frames"),
    "camera": SourceType(
        LazyObject("runtime.sources.v4l2:frames", extra="camera"), "live frames", "device"
    ),
    "picamera2": SourceType(
        LazyObject("runtime.sources.picamera2:frames", extra=""), "live frames", "device"
    ),
    "http": SourceType(
        LazyObject("runtime.sources.mjpeg:frames", extra=""), "live frames", "url", polled=True
    ),
    "https": SourceType(
        LazyObject("runtime.sources.mjpeg:frames", extra=""), "live frames", "url", polled=True
    ),
    "rtsp": SourceType(
        LazyObject("runtime.sources.rtsp:frames", extra="video"), "live frames", "url"
    ),
    "rtsps": SourceType(
        LazyObject("runtime.sources.rtsp:frames", extra="video"), "live frames", "url"
    ),
}

CLIP_SUFFIXES = frozenset(
    {
        *(".3gp", ".avi", ".flv", ".h264", ".h265", ".m2ts", ".m4v", ".mjpeg", ".mjpg", ".mkv"),
        *(".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm"),
    }
)
"""Files with these suffixes are read as clips; every other file is read as an image."""


class Source(NamedTuple):
    """A source with a known address, not opened yet."""

    name: str
    """The name that a user knows, without a password."""
    address: str
    source_type: SourceType
    every_s: float | None = None
    """Seconds between two images of a camera that is asked for each, or None for its own pace."""

    @property
    def interval_s(self) -> float:
        """Returns the seconds that may pass between two frames although nothing is wrong."""
        return self.every_s or 0.0

    @property
    def live(self) -> bool:
        """Whether it is a camera or stream.

        Only the newest frame of one counts, and it is opened again when it is lost. Of the other
        sources every frame counts.
        """
        return self.source_type.yields == "live frames"

    @property
    def has_paths(self) -> bool:
        """Whether it consists of image files, which `paths` lists."""
        return self.source_type.yields == "paths"

    def require_package(self) -> None:
        """Raises MachineError with this source's name if its package is not installed."""
        self._load_opener()

    def paths(self, left_out: list[Path] | None = None) -> Iterator[Path]:
        """Yields its image files in a stable order.

        Appends to `left_out` what `runtime.sources.paths.walk` leaves out.
        """
        ignored: list[Path] = [] if left_out is None else left_out
        paths: Iterator[Path] = self._load_opener()(self.address, ignored)
        return paths

    def frames(self) -> Frames:
        """Opens the source and yields its frames; see `Frames`."""
        if not self.has_paths:
            arguments = (self.every_s,) if self.source_type.polled else ()
            frames: Frames = self._load_opener()(self.address, *arguments)
            with closing(frames):
                yield from frames
            return
        for path in self.paths():
            try:
                image = open_image(read_image(path), str(path))
                yield Frame(str(path), image, time.monotonic())
            except ImageRefused as refusal:
                yield refusal

    def _load_opener(self) -> Any:
        with naming(self.name):  # an error if its package is missing
            return self.source_type.opener.load()


def open_source(text: str, every_s: float | None = None) -> Source:
    """Returns the source that `text` names; nothing is opened yet.

    Args:
        text: an image, a clip, a folder, a pattern such as "*.jpg", "-" (paths on standard input,
            one per line), "camera:0" or "camera:/dev/video0", "picamera2" or "picamera2:1", or a
            URL: http:// and https:// (MJPEG or single JPEG images), rtsp:// and rtsps://.
        every_s: seconds between two images that a camera over http is asked for. Other sources
            give all their images.

    Raises:
        InputRefused: the text is empty, the URL is not valid, or its scheme is unknown.
    """
    source = _find_source(text)
    return source._replace(every_s=every_s) if source.source_type.polled else source


def _find_source(text: str) -> Source:
    if not text:
        raise InputRefused(
            "''", "an empty name; expected an image, a folder, a camera or an address"
        )
    scheme, colon, address = text.partition(":")
    if text == "-":
        return Source("standard input", text, SOURCES["-"])
    if address.startswith("//"):
        urls = {name: row for name, row in SOURCES.items() if row.address == "url"}
        return Source(without_password(text), text, lookup(urls, scheme.lower(), "kind of address"))
    is_device = scheme in SOURCES and SOURCES[scheme].address == "device"
    if text == "picamera2" or (colon and is_device):
        return Source(text, address or "0", SOURCES[scheme])
    return Source(text, text, SOURCES[_file_source(text)])


def _file_source(text: str) -> str:
    if os.path.isdir(text):
        return "folder"
    if not os.path.lexists(text) and any(wildcard in text for wildcard in "*?["):
        return "glob"
    return "clip" if os.path.splitext(text)[1].lower() in CLIP_SUFFIXES else "image"


def without_password(url: str) -> str:
    """Returns the URL without its user and password, so that it can be shown.

    Raises:
        InputRefused: not a valid URL. The message repeats neither the URL nor Python's message,
            because a password may be in them.
    """
    from urllib.parse import urlsplit  # 1 % of the start-up time, and only URLs need it

    try:
        host = urlsplit(url).netloc
    except ValueError as error:
        scheme = url.partition(":")[0]
        raise InputRefused(
            f"{scheme}://...",
            "not a valid address; expected one like http://192.168.1.20:8080/stream "
            "or http://[::1]/",
        ) from error
    return url.replace(host, host.rpartition("@")[2], 1)
