"""Runs `python -m runtime label INBOX`, which serves the page for labels without a camera."""

import argparse
import threading
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser
from runtime.commands.table import VERBS
from runtime.errors import DONE
from runtime.inbox.folder import LABELLED
from runtime.monitor.live_page.arguments import (
    add_live_arguments,
    announce_url,
    label_page_from_options,
)
from runtime.system.terminal import say

NAME = program_name("runtime")


def main(arguments: Sequence[str]) -> int:
    """Runs the command until a signal ends it; returns the exit code."""
    options = _parser().parse_args(arguments)
    with label_page_from_options(options) as page:
        announce_url(NAME, page, "page for labels")
        labelled = quote(str(options.inbox / LABELLED))
        say(f"{NAME}: next, after Ctrl-C: {program_name('train')} {labelled}")
        threading.Event().wait()
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=f"{NAME} label", description=VERBS["label"].help.capitalize() + ".")
    parser.add_argument("inbox", type=Path, help="the folder that collect filled")
    add_live_arguments(parser, with_camera=False)
    return parser
