"""Runs `python -m runtime collect -o INBOX`, which keeps the images that are worth a label."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_output
from runtime.commands.camera import camera_parser, follow_sources
from runtime.commands.table import VERBS
from runtime.errors import DONE, REFUSED, ImageRefused, InputRefused, QuinceError
from runtime.images.upright import upright_rgb
from runtime.inbox.collector import Collector, InboxLimits, by_thumbnail
from runtime.inbox.note import Note, local_time
from runtime.monitor.capture import Capture, EndOfStream
from runtime.monitor.looking import LookTrigger
from runtime.monitor.sinks.arguments import add_collect_limits
from runtime.monitor.sinks.collect import report_collected
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.monitor.views import add_view_arguments, look_rule, sources_from_options
from runtime.shared.wording import counted
from runtime.system.terminal import say

NAME = program_name("runtime")
TICK_S = 0.25


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.model is not None:
        camera = vars(camera_parser("camera").parse_args([str(options.model)]))
        inbox = {"collect": options.output}
        return follow_sources(argparse.Namespace(**camera | vars(options) | inbox))
    (source, (view, *others)), *more = sources_from_options(options)
    if others or more:
        raise InputRefused("--source", "without a model, expected one source and one region")
    errors, codes = ErrorReporter(NAME), [DONE]

    def report(error: QuinceError) -> None:
        codes.append(error.exit_code)
        errors.report(error)

    limits = InboxLimits(options.collect_most, options.collect_megabytes * 10**6)
    measure = by_thumbnail(view.region)
    trigger = LookTrigger(look_rule(options, source), view.region, 1)
    collector = Collector(
        options.output, limits, report, live=source.live, measure_now=lambda: measure
    )
    if source.live:
        _say(f"{source.name}: images are kept in {options.output} until Ctrl-C")
    try:
        with Capture(source, wait=options.wait, report=_say) as capture:
            seen, refused = _collect(capture, trigger, collector, errors)
            refused += capture.refused
        _say(f"{source.name}: ended after {counted(seen, 'frame')}")
    finally:
        collector.close()
        report_collected(NAME, collector.stored, options.output)
    return max(codes + [REFUSED] * bool(refused))


def _collect(
    capture: Capture, trigger: LookTrigger, collector: Collector, errors: ErrorReporter
) -> tuple[int, int]:
    """Offers frames until the source ends; returns how many, and how many were refused."""
    source, seen, refused = capture.source, 0, 0
    while True:
        try:
            frame = capture.next(TICK_S, trigger.wants)
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
        note = Note("different", source.name, frame.name, local_time(), trigger.region)
        collector.offer(image, note)


def _say(line: str) -> None:
    say(f"{NAME}: {line}")


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=f"{NAME} collect",
        description=VERBS["collect"].help.capitalize()
        + ". The most different ones stay when the limits are reached, and some that chance chose."
        " From a camera it considers one image every two seconds. Without a model it takes one"
        " source and one region.",
    )
    parser.add_argument(
        "model",
        type=Path,
        nargs="?",
        help="a bundle or model file: also keeps what is unknown or unsure to it, and images at"
        " changes (the same as camera --collect)",
    )
    add_view_arguments(parser)
    add_output(parser, "the inbox, a folder to fill", Path("inbox"))
    add_collect_limits(parser)
    return parser
