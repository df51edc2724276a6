"""Checks that an option means the same in all commands, and that earlier names still work."""

import argparse
from collections import defaultdict
from collections.abc import Iterator

import pytest

from benchmarks.commands.table import VERBS as BENCH_VERBS
from benchmarks.commands.table import main as bench
from export.commands.export import main as export
from runtime.cli.parser import CommandParser
from runtime.commands.table import VERBS as RUN_VERBS
from runtime.commands.table import main as run
from train.commands.table import VERBS as TRAIN_VERBS
from train.commands.table import main as train

COMMANDS = [
    (train, []),
    *((train, [verb]) for verb in TRAIN_VERBS),
    (export, []),
    *((run, [verb]) for verb in RUN_VERBS),
    *((bench, [verb]) for verb in BENCH_VERBS),
]
EARLIER_NAMES = {
    "--add": "--append",
    "--bundle": "--output",
    "--calib": "--calibration-data",
    "--calibration": "--calibration-images",
    "--channels": "--channel-order",
    "--from": "--archive",
    "--image": "--images",
    "--json": "--output",
    "--label": "--live-label",
    "--output": "--scores-output",
    "--pair": "--interleave",
    "--root": "--sysfs-root",
    "--runs": "--rounds",
    "--save-megabytes": "--collect-megabytes",
    "--save-most": "--collect-most",
    "--save-uncertain": "--collect",
    "--verify": "--test-data",
    "--views": "--variants",
    "--width": "--width-factor",
}


@pytest.fixture
def parsers(monkeypatch: pytest.MonkeyPatch) -> list[argparse.ArgumentParser]:
    """Returns the parser of every command, as the command itself makes it."""
    made: list[argparse.ArgumentParser] = []

    def keep(parser: CommandParser, *_: object) -> None:
        made.append(parser)
        raise SystemExit

    monkeypatch.setattr(CommandParser, "parse_args", keep)
    for main, words in COMMANDS:
        with pytest.raises(SystemExit):
            main(words)
    return [parser for outer in made for parser in with_verbs(outer)]


def with_verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def value_of(action: argparse.Action) -> str | None:
    """Returns what help shows as the value of an option; None for a flag."""
    if action.nargs == 0:
        return None
    return "a choice" if action.choices else action.metavar or action.dest


def test_an_option_has_one_meaning_in_all_commands(
    parsers: list[argparse.ArgumentParser],
) -> None:
    values: dict[str, dict[str | None, list[str]]] = defaultdict(lambda: defaultdict(list))
    for parser in parsers:
        for action in parser._actions:
            for name in action.option_strings:
                values[name][value_of(action)].append(parser.prog)
    assert len(parsers) > 30
    assert "--output" in values
    assert {name: dict(by_value) for name, by_value in values.items() if len(by_value) > 1} == {}


def test_earlier_names_set_the_new_option_and_help_shows_none(
    parsers: list[argparse.ArgumentParser],
) -> None:
    found = set()
    for parser in parsers:
        for name, action in parser._option_string_actions.items():
            if name not in action.option_strings:
                found.add((name, action.option_strings[-1]))
                assert f" {name} " not in parser.format_help().replace("\n", " ")
    assert found == set(EARLIER_NAMES.items())
