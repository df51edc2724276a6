"""Runs `export sign BUNDLE`: signs a bundle with an SSH key, for devices that ask for that."""

import argparse
from pathlib import Path

from runtime.deployment.signature import SIGNERS, sign
from runtime.errors import DONE
from runtime.shared.wording import counted
from runtime.system.terminal import escape_control_chars, say


def add_sign_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the bundle and --key."""
    command.add_argument("bundle", type=Path, help="the bundle folder")
    command.add_argument(
        "--key",
        type=Path,
        default=Path("~/.ssh/id_ed25519"),
        metavar="FILE",
        help="your SSH key; if it lies in an agent, its public key",
    )


def run_sign(arguments: argparse.Namespace) -> int:
    """Signs the bundle and returns the exit code."""
    statement = sign(arguments.bundle, arguments.key.expanduser())
    bundle = escape_control_chars(str(arguments.bundle))
    print(f"{bundle}: bundle {statement.id}, {counted(len(statement.files), 'file')} signed")
    say(f"next: write your public key into {SIGNERS} of each device (docs/fleet.md)")
    return DONE
