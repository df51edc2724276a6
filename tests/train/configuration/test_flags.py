"""Tests the command-line flags of a training."""

from runtime.cli.parser import CommandParser
from train.configuration.flags import add_flags, options_from_arguments


def test_earlier_name_of_a_flag_sets_the_same_option_and_is_not_in_the_help() -> None:
    parser = CommandParser(prog="train")
    add_flags(parser)
    assert options_from_arguments(parser.parse_args(["--views", "3"])).variants == 3
    assert options_from_arguments(parser.parse_args(["--variants", "4"])).variants == 4
    assert options_from_arguments(parser.parse_args([])).variants is None
    assert "--views" not in parser.format_help()
