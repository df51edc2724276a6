"""Runs `python -m runtime update SOURCE PLACE`, which fetches and installs a signed bundle."""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_json, duration_argument, positive_int_argument
from runtime.commands.install import add_signers_argument, chosen_signers
from runtime.commands.table import VERBS
from runtime.deployment.install_slots import open_if_intact
from runtime.deployment.signature import SIGNERS
from runtime.deployment.update import UpdateOptions, UpdateResult, update
from runtime.errors import DONE, InputRefused, QuinceError
from runtime.monitor.sinks.mqtt_address import read_address
from runtime.system.lazy_loading import LazyObject
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("runtime")
PUBLISH = LazyObject("runtime.monitor.sinks.mqtt:publish_update", extra="mqtt")
OUTCOMES = {
    "updated": "updated",
    "unchanged": "in use already",
    "held back": "held back, because it was rolled back here; wait for another, or install it",
}


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    signers = chosen_signers(options)
    if signers is None:
        raise InputRefused(
            str(SIGNERS),
            "no such file; write the public keys that may sign bundles into it, or pass another"
            " file to --signers",
        )
    publish = PUBLISH.load() if options.mqtt else None
    if publish:
        read_address(options.mqtt, "")  # refuses a wrong one before the work
    chosen = UpdateOptions(
        signers, options.service, options.watch, options.allow_uncompared, options.threads
    )
    state = {"outcome": "failed", "reason": "a bug"}
    try:
        result = update(options.source, options.in_use, chosen, _say)
        state = {
            "outcome": result.outcome,
            "offered_id": result.offered_id,
            "exported": result.exported,
        }
    except QuinceError as error:
        state = {"outcome": "failed", "reason": str(error)}
        raise
    finally:
        if publish:
            bundle = open_if_intact(options.in_use)
            in_use, name = (bundle.id, bundle.manifest.name) if bundle else (None, "bundle")
            at = datetime.now().astimezone().isoformat(timespec="seconds")
            publish(options.mqtt, name, {"at": at, "bundle_id": in_use} | state, _say)
    print_result(result, as_json=options.json, text=lambda: _describe(result))
    return DONE


def _describe(result: UpdateResult) -> str:
    in_use, signer = map(escape_control_chars, (result.bundle, result.signer))
    line = f"{in_use}: bundle {result.offered_id}, exported {result.exported}, signed by {signer}"
    return f"{line}, {OUTCOMES[result.outcome]}{', watched' * result.watched}"


def _say(line: str) -> None:
    say(f"{NAME}: {line}")


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=f"{NAME} update", description=VERBS["update"].help.capitalize() + "."
    )
    parser.add_argument(
        "source",
        metavar="new",
        help="the address of a signed bundle folder on a web server, or a folder",
    )
    parser.add_argument("in_use", type=Path, help="the bundle folder in use, or a new path for one")
    add_signers_argument(parser)
    parser.add_argument(
        "--service",
        default="",
        metavar="UNIT",
        help="the systemd unit of the camera; go back if it fails with the new bundle",
    )
    parser.add_argument(
        "--watch",
        type=duration_argument,
        default="1m",
        metavar="TIME",
        help="how long to watch that unit",
    )
    parser.add_argument(
        "--allow-uncompared",
        action="store_true",
        help="also install a bundle that export has not compared with the one in use (--against)",
    )
    parser.add_argument(
        "--mqtt",
        metavar="URL",
        help="publish the outcome to this broker; the address is that of --mqtt of camera",
    )
    parser.add_argument(
        "--threads",
        type=positive_int_argument,
        metavar="N",
        help="interpreter threads (default: the cores allowed)",
    )
    add_json(parser)
    return parser
