"""A command line of several verbs, each in a module of its own that is imported when it is chosen."""

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runtime import cli
from runtime.plugins import import_module


class Verb(NamedTuple):
    """Its module, which has `main(arguments) -> exit code` and is imported when chosen; and what it does, in a few words."""

    module: str
    help: str


def dispatch(name: str, description: str, verbs: Mapping[str, Verb], arguments: Sequence[str] | None) -> int:
    """Hands the words after the verb to its module; returns the exit code.

    Args:
        name: of the program.
        description: what its --help begins with.
        verbs: by the word that chooses them.
        arguments: the words; None: those of this process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in verbs:
        return int(import_module(verbs[words[0]].module).main(words[1:]))
    parser = cli.Parser(prog=name, description=description)
    cli.add_version(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for word, verb in verbs.items():
        commands.add_parser(word, help=verb.help, add_help=False)
    parser.parse_args(words)
    return cli.REFUSED
