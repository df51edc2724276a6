"""Reads --source, --region, --every and --on-motion: which parts of which cameras are answered.

A view is a source, or a region of it. Each view has answers of its own.
"""

import argparse
import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runtime.cli.parser import seconds_argument
from runtime.errors import InputRefused
from runtime.images.region import Region, read_region
from runtime.monitor.capture import Capture
from runtime.monitor.looking import LookRule
from runtime.sources.base import Source, open_source

NAME_PATTERN = r"[A-Za-z][A-Za-z0-9_-]{0,23}"
"""Names are part of MQTT topics, of addresses of the live page, and of file names."""
MAX_SLUG = 16
DEFAULT_SOURCE = "camera:0"


@dataclass(frozen=True)
class View:
    """One thing that is answered.

    name: empty if there is only one; else the names of source and region, as in "gate/belt".
    source_name: what the user calls its source, empty if there is one without a name.
    source_address: what the source is, as "camera:0", without a password. live: whether it is a
    camera or stream. region: what the user chose, None for the model's own.
    """

    name: str
    source_address: str
    live: bool
    region: Region | None = None
    source_name: str = ""


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --source, --region, --every, --on-motion and --wait."""
    parser.add_argument(
        "--source",
        action="append",
        metavar="SOURCE",
        help="camera:0, picamera2, http://..., rtsp://..., a clip, folder, image, or -; repeat it "
        "for more sources, which share one model; NAME=SOURCE names one (default: "
        f"{DEFAULT_SOURCE})",
    )
    parser.add_argument(
        "--region",
        action="append",
        default=[],
        metavar="X,Y,W,H",
        help="use only this part of each image, as fractions of it; repeat it as NAME=X,Y,W,H for "
        "an answer each; SOURCE=X,Y,W,H and SOURCE/NAME=X,Y,W,H are for that source alone "
        "(default: the region that the model was trained with)",
    )
    parser.add_argument(
        "--every",
        type=seconds_argument,
        metavar="S",
        help="use one image every S seconds; in a clip, S seconds of its own time (default: all "
        "images; every second if an http camera serves single images)",
    )
    parser.add_argument(
        "--on-motion",
        action="store_true",
        help="use images only when something in the region has changed; with --every, also "
        "after S seconds",
    )
    parser.add_argument(
        "--wait", action="store_true", help="wait for a camera or stream that is not available yet"
    )


def sources_from_options(options: argparse.Namespace) -> list[tuple[Source, tuple[View, ...]]]:
    """Returns each source with its views; nothing is opened yet.

    Raises:
        InputRefused: a source or region is not valid, --every does not apply, or two views have the
            same name.
        MachineError: the package of a source is not installed.
    """
    every_s = None if options.on_motion else options.every
    named = [
        ("", text) if os.path.lexists(text) else _split_name(text)  # a file may be called a=b.jpg
        for text in options.source or [DEFAULT_SOURCE]
    ]
    sources = [(name, open_source(text, every_s)) for name, text in named]
    for _, source in sources:
        if options.every and source.has_paths:
            raise InputRefused("--every", f"applies to cameras and clips, not to {source.name!r}")
        source.require_package()
    if len(sources) > 1:
        sources = [(name or _slug(source.name), source) for name, source in sources]
    regions = _read_regions(options.region, {name for name, _ in sources})
    result = [(source, _views(name, source, regions)) for name, source in sources]
    names = [view.name for _, views in result for view in views]
    if double := [name for name in names if names.count(name) > 1]:
        raise InputRefused(
            "--region" if options.region else "--source",
            f"expected NAME=... with different names, found {double[0] or 'no name'} twice",
        )
    return result


def look_rule(options: argparse.Namespace, source: Source) -> LookRule:
    """Returns the rule of the options; a camera that is asked for each image keeps its own pace."""
    return LookRule(None if source.every_s else options.every, options.on_motion)


def captures_of(
    sources: Sequence[Source], *, wait: bool, report: Callable[[str], None]
) -> list[Capture]:
    """Returns captures, not opened yet, for `runtime.monitor.capture.wait_for_arrival`."""
    changed = threading.Condition()
    return [Capture(source, wait=wait, report=report, changed=changed) for source in sources]


def _split_name(text: str, pattern: str = NAME_PATTERN) -> tuple[str, str]:
    """Returns name and rest of NAME=REST; without a name the first is empty."""
    name, equals, rest = text.partition("=")
    return (name, rest) if equals and re.fullmatch(pattern, name) else ("", text)


def _read_regions(texts: Sequence[str], sources: set[str]) -> list[tuple[str, str, Region]]:
    """Returns (source or "" for each, name or "", region) of each text."""
    regions = []
    for text in texts:
        name, values = _split_name(text, f"{NAME_PATTERN}(/{NAME_PATTERN})?")
        first, slash, second = name.partition("/")
        if slash and first not in sources:
            found = ", ".join(sorted(sources - {""})) or "none with a name"
            raise InputRefused("--region", f"{name}: expected a source's name, found {found}")
        source, own = (first, second) if first in sources else ("", name)
        regions.append((source, own, read_region(values)))
    return regions


def _views(
    name: str, source: Source, regions: Sequence[tuple[str, str, Region]]
) -> tuple[View, ...]:
    views = [
        View("/".join(filter(None, (name, own))), source.name, source.live, region, name)
        for of, own, region in regions
        if of in ("", name)
    ]
    return tuple(views) or (View(name, source.name, source.live, source_name=name),)


def _slug(text: str) -> str:
    """Returns a source's name as a name of a view, as in "camera-0"."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
    while len(name) > MAX_SLUG and "-" in name:
        name = name.partition("-")[2]
    name = name[-MAX_SLUG:]
    return name if re.match(r"[A-Za-z]", name) else f"source-{name}"
