"""python -m runtime camera MODEL --source SOURCE: watches, and says when the answer changes."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from runtime import cli
from runtime.capture import Capture
from runtime.commands import VERBS
from runtime.foreign_arguments import add_foreign_arguments, foreign_options
from runtime.sinks import SINKS, About, Complaints
from runtime.sinks.options import add_sink_arguments
from runtime.sources import open_source
from runtime.updates import Updating
from runtime.watching import Settings, Teller, watch

NAME = cli.program("runtime")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    source = open_source(options.source)
    source.require()
    complain = Complaints(NAME)
    models = Updating(options.model, artifact=options.artifact, threads=options.threads, foreign=foreign_options(options), report=_say)
    first = models.current()
    alone = 1 if source.of_files else 3
    settings = Settings(options.min_score, options.stable or alone, options.window or alone)
    about = About(source.name, source.live, first.manifest.name, settings.rules(first).min_score, complain)
    if options.min_score is None and not about.min_score:
        cli.say(f"{NAME}: {first.file}: says no score below which it is unsure, so nothing is unknown; --min-score sets one")
    with ExitStack() as stack:
        opened = {name: row.plugin.load() for name, row in SINKS.items() if row.wanted(options)}
        teller = Teller({name: stack.enter_context(sink(options, about)) for name, sink in opened.items()}, complain)
        capture = stack.enter_context(Capture(source, wait=options.wait, say=_say))
        told = watch(capture, models.current, settings, teller)
    refused = capture.refused + told.refused
    counts = {"frames": told.frames, "changes": told.changes, "dropped": capture.dropped, "refused": refused}
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what in ("frames", "changes"))
    cli.say(f"{NAME}: {source.name}: ended after {said}")
    return cli.REFUSED if refused else cli.DONE


def _say(line: str) -> None:
    cli.say(f"{NAME}: {line}")


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(prog=f"{NAME} camera", description=VERBS["camera"].help.capitalize() + ".")
    parser.add_argument("model", type=Path, help="a bundle folder, one .tflite or .onnx file of it, or one from elsewhere")
    parser.add_argument("--source", default="camera:0", help="camera:0, picamera2, http://..., rtsp://..., a clip, folder, picture, or -")
    parser.add_argument("--wait", action="store_true", help="wait for a camera or stream that is not there yet")
    cli.add_min_score(parser)
    parser.add_argument(
        "--stable", type=cli.positive, metavar="N", help="equal answers in a row before one counts (default: 3; 1 of pictures)"
    )
    parser.add_argument("--window", type=cli.positive, metavar="N", help="frames whose scores are averaged (default: 3; 1 of pictures)")
    cli.add_interpreter_arguments(parser, "the best that runs here")
    add_foreign_arguments(parser)
    add_sink_arguments(parser)
    return parser
