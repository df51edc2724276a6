"""What the user says of a model file of someone else's, on its way to the process that measures it: as words of the command line."""

import argparse
from collections.abc import Sequence

from runtime.foreign import Foreign
from runtime.foreign_arguments import FLAGS, add_foreign_arguments, foreign_options


def foreign_words(options: argparse.Namespace) -> tuple[str, ...]:
    """The options that were given, again as words that `parse_foreign` understands.

    Raises:
        InputRefused: one is not understood, or the labels file cannot be used.
    """
    foreign_options(options)
    given = ((flag, getattr(options, flag)) for flag in FLAGS)
    return tuple(f"--{flag.replace('_', '-')}={value}" for flag, value in given if value is not None)


def parse_foreign(words: Sequence[str]) -> Foreign | None:
    """What the words say."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_foreign_arguments(parser)
    return foreign_options(parser.parse_args(list(words)))
