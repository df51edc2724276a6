"""python -m benchmarks peers [NAME...] BUNDLE|MODEL: other programs and ours, on the same pictures with the same model."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands import VERBS
from benchmarks.conditions import read_conditions
from benchmarks.peer_run import DEFAULT_ROUNDS, chosen_pictures, run_peer
from benchmarks.peer_table import PEER_RUNS, peer_table
from benchmarks.peers import PEERS
from benchmarks.run_arguments import add_run_arguments, check_run_arguments, show_table, told_command
from benchmarks.runs import made_run, write_run
from benchmarks.targets import MOST_PICTURES
from runtime import cli
from runtime.errors import InputRefused, QuinceError
from runtime.plugins import choose
from runtime.threads import allowed_cores

NAME = cli.program("benchmarks")
OURS = "ours"


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} peers", description=VERBS["peers"].help.capitalize() + ". Ratios are theirs over ours.")
    parser.add_argument("words", nargs="*", metavar="NAME ... MODEL", help="which (default: all; see --list), and a bundle or model file")
    which = f"files or folders; of more than {MOST_PICTURES} that many, evenly spread (default: the golden pictures)"
    parser.add_argument("--pictures", type=Path, nargs="+", default=[], metavar="P", help=which)
    parser.add_argument("--rounds", type=cli.positive, default=DEFAULT_ROUNDS, metavar="N", help="how often both take their turn")
    parser.add_argument("--threads", type=cli.positive, metavar="N", help="interpreter threads (default: the cores allowed)")
    python = f"take this interpreter for a peer, or for {OURS}, instead of installing an environment; may be repeated"
    parser.add_argument("--python", type=_named_python, action="append", default=[], metavar="NAME=PATH", help=python)
    parser.add_argument("--list", action="store_true", help="say what there is and what each installs, and measure nothing")
    add_run_arguments(parser)
    options = parser.parse_args(arguments)
    check_run_arguments(options, PEER_RUNS)
    if options.table:
        show_table(options, PEER_RUNS)
        return cli.DONE
    if options.list:
        for name, peer in PEERS.items():
            print(f"{name}: {peer.what}; installs {', '.join(peer.requires)}")
        return cli.DONE
    if not options.words:
        raise InputRefused("peers", "expected a bundle or a model file")
    *names, source = options.words
    chosen = {name: choose(PEERS, name, "peer") for name in names} or PEERS
    pythons = dict(options.python)
    for name in pythons:
        choose({**PEERS, OURS: None}, name, "peer")
    pictures = chosen_pictures(Path(source), options.pictures)
    threads = min(options.threads or allowed_cores(), allowed_cores())
    before = read_conditions()
    found, failed, code = [], {}, cli.DONE
    for name, peer in chosen.items():
        try:
            found.append(run_peer(name, peer, Path(source), pictures, threads, options.rounds, pythons))
        except QuinceError as error:
            cli.say(f"{NAME}: {name}: not measured: {error.reason}")
            failed[name] = error.reason
            code = max(code, error.exit_code)
    run = made_run(told_command(PEER_RUNS, arguments), before, read_conditions(), found, failed)
    try:
        if options.json:
            write_run(options.json, PEER_RUNS, run, add=options.add)
    finally:
        print(peer_table([run]), end="", flush=True)
    return code


def _named_python(text: str) -> tuple[str, Path]:
    """NAME=PATH, as the `type` of an argument."""
    name, _, path = text.partition("=")
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"expected NAME=PATH of a Python interpreter, found {text}")
    return name, Path(path)
