"""Defines what the live page shows of one frame."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from runtime.answer import Prediction
from runtime.images.region import Region
from runtime.monitor.smoothing import SmoothedAnswer


@dataclass(frozen=True)
class PageUpdate:
    """One frame with the answer for it, or for a region of it.

    image: any mode; nobody may change it later. predictions: the best first. stable: the stable
    answer, None before there is one. latency_ms: of this frame from image to scores. arrived_s:
    `time.monotonic()` at the frame's arrival. fps: classified frames per second. title: names
    what answered. state: of the source, "waiting", "running" or "lost". explain: returns a PNG of
    the frame's heat map, or nothing if there is none now; it is called in another thread. view: the
    name of source and region, empty if there is one. region: what the model sees of the image.
    """

    image: Image.Image
    predictions: tuple[Prediction, ...]
    stable: SmoothedAnswer | None
    latency_ms: float
    arrived_s: float
    fps: float
    title: str
    state: str = "running"
    explain: Callable[[], bytes] | None = None
    view: str = ""
    region: Region | None = None
