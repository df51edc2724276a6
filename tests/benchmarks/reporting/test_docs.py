"""Tests that docs/benchmarks.md names verbs and options that exist."""

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.commands.table import VERBS

PAGE = Path(__file__).parents[3] / "docs" / "benchmarks.md"


def test_every_option_and_verb_named_exists(capsys) -> None:
    for verb in VERBS:
        with pytest.raises(SystemExit):
            main([verb, "--help"])
    helps, text = capsys.readouterr().out, PAGE.read_text()
    named = set(re.findall(r"--[a-z][a-z0-9-]+", text))
    assert len(named) > 10
    assert named <= set(re.findall(r"--[a-z][a-z0-9-]+", helps))
    verbs = re.findall(r"(?:quince bench|python -m benchmarks)\s+([a-z]+)", text)
    assert set(verbs) == set(VERBS)
