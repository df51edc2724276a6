"""Implements `python -m benchmarks peers [NAME...] BUNDLE|MODEL`.

It measures other programs and ours, on the same images with the same model.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.commands.arguments import add_images_argument
from benchmarks.commands.table import VERBS
from benchmarks.measurement.conditions import read_conditions
from benchmarks.peers.registry import OUR_NAME, PEERS, Peer
from benchmarks.peers.run import (
    DEFAULT_PRECISION,
    DEFAULT_ROUNDS,
    PeerSettings,
    choose_images,
    run_peer,
)
from benchmarks.peers.table import PEER_RUNS, peer_table
from benchmarks.recorded.arguments import (
    add_result_arguments,
    check_result_arguments,
    recorded_command,
    show_table,
)
from benchmarks.recorded.runs_file import new_run, write_run
from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, positive_int_argument
from runtime.errors import DONE, InputRefused, QuinceError
from runtime.models.manifest import PRECISIONS
from runtime.system.cgroups import allowed_cores
from runtime.system.lazy_loading import lookup
from runtime.system.terminal import say

NAME = program_name("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    check_result_arguments(options, PEER_RUNS)
    if options.table:
        show_table(options, PEER_RUNS)
        return DONE
    if options.list:
        for name, peer in PEERS.items():
            print(f"{name}: {peer.summary}; installs {', '.join(peer.requirements)}")
        return DONE
    if not options.words:
        raise InputRefused("peers", "expected a bundle or a model file")
    *names, source = options.words
    peers = {name: lookup(PEERS, name, "peer") for name in names} or PEERS
    return _measure(peers, _settings(options, Path(source)), options, arguments)


def _parser() -> CommandParser:
    description = f"{VERBS['peers'].help.capitalize()}. Ratios are theirs over ours."
    parser = CommandParser(prog=f"{NAME} peers", description=description)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="NAME ... MODEL",
        help="which peers (default: all; see --list), and a bundle or model file",
    )
    add_images_argument(parser)
    parser.add_argument(
        "--rounds",
        type=positive_int_argument,
        default=DEFAULT_ROUNDS,
        metavar="N",
        help="how often both take their turn",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=DEFAULT_PRECISION,
        help="which model files of a bundle are taken, if it has them (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=positive_int_argument,
        metavar="N",
        help="interpreter threads (default: the cores allowed)",
    )
    parser.add_argument(
        "--python",
        type=named_python,
        action="append",
        default=[],
        metavar="NAME=PATH",
        help=f"run a peer, or {OUR_NAME}, with this interpreter instead of installing an "
        "environment; may be repeated",
    )
    parser.add_argument(
        "--list", action="store_true", help="list the peers and what each installs, and end"
    )
    add_result_arguments(parser)
    return parser


def named_python(text: str) -> tuple[str, Path]:
    """Reads NAME=PATH, the value of --python.

    Raises:
        argparse.ArgumentTypeError: no file has this path.
    """
    name, _, path = text.partition("=")
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(
            f"expected NAME=PATH of a Python interpreter, found {text}"
        )
    return name, Path(path)


def _settings(options: argparse.Namespace, source: Path) -> PeerSettings:
    pythons = dict(options.python)
    for name in pythons:
        lookup({**PEERS, OUR_NAME: None}, name, "peer")
    images = choose_images(source, options.images)
    threads = min(options.threads or allowed_cores(), allowed_cores())
    return PeerSettings(source, images, threads, options.rounds, pythons, options.precision)


def _measure(
    peers: Mapping[str, Peer],
    settings: PeerSettings,
    options: argparse.Namespace,
    arguments: Sequence[str],
) -> int:
    """Measures the peers, prints and records the figures; returns the exit code."""
    before = read_conditions()
    results, failed, code = [], {}, DONE
    for name, peer in peers.items():
        try:
            results.append(run_peer(name, peer, settings))
        except QuinceError as error:
            say(f"{NAME}: {name}: not measured: {error.reason}")
            failed[name] = error.reason
            code = max(code, error.exit_code)
    command = recorded_command(PEER_RUNS, arguments)
    run = new_run(command, before, read_conditions(), results, failed)
    try:
        if options.output:
            write_run(options.output, PEER_RUNS, run, add=options.append)
    finally:
        print(peer_table([run]), end="", flush=True)
    return code
