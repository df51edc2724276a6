"""Runs `python -m runtime camera MODEL --source SOURCE`, which reports when the answer changes."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from runtime.answer import NO_THRESHOLDS
from runtime.cli.identity import program_name
from runtime.cli.parser import (
    CommandParser,
    add_interpreter_arguments,
    add_thresholds,
    positive_int_argument,
)
from runtime.commands.table import VERBS
from runtime.deployment.hot_reload import ReloadingClassifier
from runtime.errors import DONE, REFUSED
from runtime.monitor.capture import Capture
from runtime.monitor.loop import FollowedSource, monitor
from runtime.monitor.sinks.arguments import add_sink_arguments
from runtime.monitor.sinks.base import SINKS, SinkContext
from runtime.monitor.sinks.dispatcher import SinkDispatcher
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.monitor.view_loop import DecisionSettings, MonitorStats
from runtime.monitor.views import (
    add_view_arguments,
    captures_of,
    look_rule,
    sources_from_options,
)
from runtime.shared.external_model_arguments import (
    add_external_model_arguments,
    external_model_options,
)
from runtime.shared.wording import counted
from runtime.sources.base import Source
from runtime.system.terminal import say

NAME = program_name("runtime")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    return follow_sources(camera_parser("camera").parse_args(arguments))


def follow_sources(options: argparse.Namespace) -> int:
    """Follows the sources that the options of `camera` name; returns the exit code."""
    sources = sources_from_options(options)
    classifiers = ReloadingClassifier(
        options.model,
        artifact=options.artifact,
        threads=options.threads,
        spec=external_model_options(options),
        report=_say,
    )
    classifier = classifiers.current()
    if classifier.remark:
        _say(classifier.remark)
    if options.min_score is not None:
        classifier.require_scores("--min-score")
    if options.min_similarity is not None:
        classifier.require_similarities("--min-similarity")
    settings = [_settings(options, source) for source, _ in sources]
    thresholds = settings[0].rules(classifier).thresholds
    if thresholds == NO_THRESHOLDS:
        _say(
            f"{classifier.file}: has no threshold below which an answer is unsure or unknown, so"
            " every answer is a class; set one with --min-score"
        )
    errors = ErrorReporter(NAME)
    views = tuple(view for _, views in sources for view in views)
    context = SinkContext(views, classifier.manifest.name, thresholds, errors)
    with ExitStack() as stack:
        openers = {
            name: sink_type.opener.load()
            for name, sink_type in SINKS.items()
            if sink_type.is_enabled(options)
        }
        sinks = {
            name: stack.enter_context(opener(options, context)) for name, opener in openers.items()
        }
        captures = captures_of([source for source, _ in sources], wait=options.wait, report=_say)
        followed = [
            FollowedSource(stack.enter_context(capture), views, chosen, look_rule(options, source))
            for capture, (source, views), chosen in zip(captures, sources, settings, strict=True)
        ]
        stats = monitor(followed, classifiers.current, SinkDispatcher(sinks, errors))
    return max(map(_summarize, captures, stats))


def _settings(options: argparse.Namespace, source: Source) -> DecisionSettings:
    single = source.has_paths or (options.every and not options.on_motion)
    frames = 1 if single else 3
    return DecisionSettings(
        options.min_score,
        options.min_similarity,
        options.stable or frames,
        options.window or frames,
    )


def _summarize(capture: Capture, stats: MonitorStats) -> int:
    refused = capture.refused + stats.refused
    counts = [counted(stats.frames, "frame"), counted(stats.changes, "change")]
    if capture.skipped:
        counts.append(f"{capture.skipped} not looked at")
    if capture.dropped:
        counts.append(f"{capture.dropped} dropped")
    if refused:
        counts.append(f"{refused} refused")
    _say(f"{capture.source.name}: ended after {', '.join(counts)}")
    return REFUSED if refused else DONE


def _say(line: str) -> None:
    say(f"{NAME}: {line}")


def camera_parser(verb: str) -> argparse.ArgumentParser:
    """Returns the parser of `camera`, and of `service`, which takes the same arguments."""
    parser = CommandParser(prog=f"{NAME} {verb}", description=VERBS[verb].help.capitalize() + ".")
    parser.add_argument(
        "model",
        type=Path,
        help="a bundle folder, one .tflite or .onnx file of it, or one from elsewhere",
    )
    add_view_arguments(parser)
    add_thresholds(parser)
    parser.add_argument(
        "--stable",
        type=positive_int_argument,
        metavar="N",
        help="equal answers in a row before one is reported (default: 3; 1 for images and --every)",
    )
    parser.add_argument(
        "--window",
        type=positive_int_argument,
        metavar="N",
        help="frames whose scores are averaged (default: 3; 1 for images and --every)",
    )
    add_interpreter_arguments(parser, "the best that runs here")
    add_external_model_arguments(parser)
    add_sink_arguments(parser)
    return parser
