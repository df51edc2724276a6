"""Tests that docs/benchmarks.md names verbs and options that exist."""

import re
from pathlib import Path

import pytest

from benchmarks.commands.table import VERBS, main

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "benchmarks.md"
CLAIMS = ROOT / "benchmarks" / "claims" / "scripts"


def test_every_option_and_verb_named_exists(capsys) -> None:
    for verb in VERBS:
        with pytest.raises(SystemExit):
            main([verb, "--help"])
    helps, text = capsys.readouterr().out, PAGE.read_text()
    named = set(re.findall(r"--[a-z][a-z0-9-]+", text))
    assert len(named) > 10
    helps += "".join(path.read_text() for path in CLAIMS.rglob("*.py"))  # their own options
    assert named <= set(re.findall(r"--[a-z][a-z0-9-]+", helps))
    verbs = re.findall(r"(?:quince bench|python -m benchmarks)\s+([a-z]+)", text)
    assert set(verbs) == set(VERBS)
