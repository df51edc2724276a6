"""Runs `python -m runtime collect -o INBOX`, which keeps the images that are worth a label."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, seconds_argument
from runtime.commands.camera import main as run_camera
from runtime.commands.table import VERBS
from runtime.errors import DONE, REFUSED, ImageRefused, InputRefused
from runtime.images.region import read_region
from runtime.images.upright import upright_rgb
from runtime.inbox.collector import Collector, Limits, by_thumbnail
from runtime.inbox.note import Note, local_time
from runtime.monitor.capture import Capture, EndOfStream
from runtime.monitor.sinks.arguments import add_collect_limits
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.sources.base import open_source
from runtime.system.terminal import say

NAME = program_name("runtime")
TICK_S = 0.25


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    region = read_region(options.region) if options.region else None
    if options.model is not None:
        if region:
            raise InputRefused("--region", f"{options.model} has its own; leave it out")
        return run_camera(_camera_words(options))
    source = open_source(options.source, options.every)
    source.require_package()
    errors = ErrorReporter(NAME)
    limits = Limits(options.collect_most, options.collect_megabytes * 10**6)
    looks = by_thumbnail(region)
    collector = Collector(
        options.output, limits, errors.report, live=source.live, looks=lambda: looks
    )
    try:
        with Capture(source, wait=options.wait, report=_say) as capture:
            seen, refused = _collect(capture, collector, errors, options.region or "")
            refused += capture.refused
    finally:
        collector.close()
    _say(
        f"{source.name}: ended after {seen} frames; {collector.stored} written to {options.output}"
    )
    return REFUSED if refused else DONE


def _collect(
    capture: Capture, collector: Collector, errors: ErrorReporter, region: str
) -> tuple[int, int]:
    """Offers every frame until the source ends; returns how many, and how many were refused."""
    source, seen, refused = capture.source, 0, 0
    while True:
        try:
            frame = capture.next(TICK_S)
        except EndOfStream:
            return seen, refused
        if frame is None:
            continue
        try:
            image = upright_rgb(frame.image)
        except ImageRefused as refusal:
            refused += 1
            errors.report(ImageRefused(source.name if source.live else frame.name, refusal.reason))
            continue
        seen += 1
        note = Note("different", source.name, frame.name, local_time(), region)
        collector.offer(image, note)


def _camera_words(options: argparse.Namespace) -> list[str]:
    """Returns the command line of `camera` that collects with a model."""
    words = [str(options.model), "--source", options.source, "--collect", str(options.output)]
    words += ["--collect-most", str(options.collect_most)]
    words += ["--collect-megabytes", str(options.collect_megabytes)]
    words += ["--every", str(options.every)] if options.every else []
    return [*words, "--wait"] if options.wait else words


def _say(line: str) -> None:
    say(f"{NAME}: {line}")


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=f"{NAME} collect",
        description=VERBS["collect"].help.capitalize()
        + ". The most different ones stay when the limits are reached, and some that chance chose.",
    )
    parser.add_argument(
        "model",
        type=Path,
        nargs="?",
        help="a bundle or model file: also keeps what is unknown or unsure to it, and images at"
        " changes (the same as camera --collect)",
    )
    parser.add_argument(
        "--source",
        default="camera:0",
        help="camera:0, picamera2, http://..., rtsp://..., a clip, folder, image, or -",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("inbox"), metavar="INBOX", help="folder to fill"
    )
    parser.add_argument(
        "--region",
        metavar="X,Y,W,H",
        help="compare only this part of the images, as fractions of them; they are kept whole,"
        " because train --region cuts them, too",
    )
    parser.add_argument(
        "--every",
        type=seconds_argument,
        metavar="S",
        help="take one image from an http camera every S seconds (default: 1 if it serves single "
        "images; all images of a stream)",
    )
    parser.add_argument(
        "--wait", action="store_true", help="wait for a camera or stream that is not available yet"
    )
    add_collect_limits(parser)
    return parser
