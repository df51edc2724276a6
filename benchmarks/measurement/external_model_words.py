"""Passes what the user says about an external model file to the process that measures it.

The options travel as words of a command line.
"""

import argparse
from collections.abc import Sequence

from runtime.models.model_spec import ModelSpec
from runtime.shared.external_model_arguments import (
    FLAGS,
    add_external_model_arguments,
    external_model_options,
)


def external_model_words(options: argparse.Namespace) -> tuple[str, ...]:
    """Returns the options that were set, as words that `parse_external_model_words` reads.

    Raises:
        InputRefused: an option is not understood, or the labels file cannot be used.
    """
    external_model_options(options)
    values = {flag: getattr(options, flag) for flag in FLAGS}
    return tuple(
        f"--{flag.replace('_', '-')}={value}" for flag, value in values.items() if value is not None
    )


def parse_external_model_words(words: Sequence[str]) -> ModelSpec | None:
    """Reads the words of `external_model_words`."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_external_model_arguments(parser)
    return external_model_options(parser.parse_args(list(words)))
