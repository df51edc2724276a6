"""Runs `export push` and `export pull`: a bundle to the Hugging Face Hub, and one from there."""

import argparse
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import add_json, add_output
from runtime.deployment.checked_copy import describe_check
from runtime.errors import DONE
from runtime.shared.wording import counted
from runtime.system.lazy_loading import require_packages
from runtime.system.terminal import escape_control_chars, say

if TYPE_CHECKING:
    from export.hub import Fetched, Published

EXTRA, PACKAGE = "hub", "huggingface_hub"
LICENCES = {
    "license": "this model",
    "data-license": "its training images",
    "base-license": "the pretrained weights that training began with",
}


def add_push_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the bundle, the repository, and what only the user knows of the licences."""
    command.add_argument("bundle", type=Path, help="a bundle that export made")
    command.add_argument(
        "repository", metavar="USER/NAME", help="repository on the Hub, created if necessary"
    )
    for option, thing in LICENCES.items():
        command.add_argument(
            f"--{option}",
            default="unknown",
            metavar="ID",
            help=f"licence of {thing}, as the Hub names it, such as apache-2.0",
        )
    command.add_argument(
        "--base-model", metavar="USER/NAME", help="repository of the pretrained weights"
    )
    command.add_argument(
        "--public", action="store_true", help="make a new repository public (default: private)"
    )
    add_json(command)


def add_pull_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the repository, --output, --revision and --overwrite."""
    command.add_argument(
        "repository", metavar="USER/NAME", help="repository on the Hub, with a bundle"
    )
    add_output(command, "bundle folder (default: bundles/NAME)")
    command.add_argument(
        "--revision", metavar="ID", help="a branch, tag or commit (default: the newest commit)"
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace a bundle that is already there"
    )
    add_json(command)


def run_push(arguments: argparse.Namespace) -> int:
    """Publishes the bundle, prints where, and returns the exit code."""
    require_packages(arguments.format, EXTRA, PACKAGE)
    from export.hub import UNKNOWN, Licences, push

    licences = Licences(
        arguments.license, arguments.data_license, arguments.base_license, arguments.base_model
    )
    result = push(arguments.bundle, arguments.repository, licences, public=arguments.public)
    print_result(result, as_json=arguments.json, text=partial(_pushed, result))
    missing = [
        option for option in LICENCES if vars(arguments)[option.replace("-", "_")] == UNKNOWN
    ]
    if missing:
        options = ", ".join(f"--{option}" for option in missing)
        say(f"the licence in the card is {UNKNOWN}; state it with {options}, and push again")
    return DONE


def run_pull(arguments: argparse.Namespace) -> int:
    """Fetches the bundle, prints what was checked, and returns the exit code."""
    require_packages(arguments.format, EXTRA, PACKAGE)
    from export.hub import pull

    output = arguments.output or Path("bundles") / Path(arguments.repository).name
    result = pull(
        arguments.repository, output, revision=arguments.revision, overwrite=arguments.overwrite
    )
    print_result(result, as_json=arguments.json, text=partial(_pulled, result))
    say(f"next: {program_name('runtime')} predict {quote(str(output))} IMAGE")
    return DONE


def _pushed(result: "Published") -> str:
    seen = "private" if result.private else "public"
    line = f"{result.url}: bundle {result.bundle_id}, {counted(result.files, 'file')}, {seen}"
    return _text(line, result)


def _pulled(result: "Fetched") -> str:
    line = (
        f"{result.bundle}: bundle {result.bundle_id} of {result.repository}, commit {result.commit}"
    )
    return _text(line, result)


def _text(line: str, result: "Published | Fetched") -> str:
    check = describe_check(result.images, result.checked, result.unchecked)
    return "\n".join((escape_control_chars(line), *check))
