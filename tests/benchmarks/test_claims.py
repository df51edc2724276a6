"""python -m benchmarks claims: every script is known by its first line, and what it prints and says decides the exit code."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import claim_scripts
from benchmarks.__main__ import main
from benchmarks.claim_scripts import FOLDER, scripts

HELPERS = {"__init__", "article", "alternate"}
SCRIPT = '''"""python -m benchmarks.claims.{name} BUNDLE [MORE]: something.

More of it.
"""
import os, sys
sys.path.insert(0, {root!r})
from benchmarks.claims import Claim, show
print("on the way", sys.argv[1:])
sys.exit(show(Claim("{name}", {figure}, "ms", 10, least=False)))
'''


def test_every_script_says_in_its_first_line_what_it_needs() -> None:
    assert {file.stem.replace("_", "-") for file in FOLDER.glob("*.py") if file.stem not in HELPERS} == set(scripts())
    assert scripts()["gate-speed"].needs == ("run",)
    assert scripts()["int8-drop"].needs == ("run",)
    assert scripts()["harness-honest"].needs == ("bundle",)


@pytest.fixture
def two(tmp_path: Path, monkeypatch) -> Path:
    """A package of two claims, one of which does not hold, in the place of ours."""
    root = Path(__file__).parents[2]
    folder = tmp_path / "claims"
    folder.mkdir()
    for name, figure in (("good", 5), ("bad", 15)):
        (folder / f"{name}.py").write_text(SCRIPT.format(name=name, figure=figure, root=str(root)))
    found = scripts(folder)
    monkeypatch.setattr("benchmarks.commands.claims.scripts", lambda: {name: replace(one, module=name) for name, one in found.items()})
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_figures_go_to_stdout_and_the_json_and_one_that_fails_is_exit_3(two: Path, tmp_path: Path, capfd) -> None:
    path = tmp_path / "claims.json"
    assert main(["claims", "--bundle", "b", "--json", str(path)]) == 3
    out, errors = capfd.readouterr()
    assert out.splitlines() == ["bad: 15 ms, at most 10: DOES NOT HOLD", "good: 5 ms, at most 10: holds"]
    assert "on the way ['b']" in errors
    found = json.loads(path.read_text())
    assert [(one["script"], one["figure"], one["holds"]) for one in found["claims"]] == [("bad", 15, False), ("good", 5, True)]
    assert found["before"]["machine"]["cores_allowed"] >= 1
    assert main(["claims", "--table", str(path)]) == 0
    table = capfd.readouterr().out
    assert "| bad | 15 ms | at most 10 | **does not hold** |\n| good | 5 ms | at most 10 | holds |\n" in table
    assert "numpy 2" in table
    assert main(["claims", "good", "--bundle", "b"]) == 0


def test_claim_that_lacks_its_argument_is_refused_by_name(run_cli) -> None:
    done = run_cli("benchmarks", "claims", "harness-honest")
    assert (done.returncode, done.stderr) == (2, "python -m benchmarks: harness-honest: needs --bundle PATH\n")


def test_script_that_ends_without_a_figure_is_exit_4(two: Path, capfd) -> None:
    (two / "bad.py").write_text('"""python -m benchmarks.claims.bad BUNDLE: x."""\nraise SystemExit(1)')
    assert main(["claims", "--bundle", "b"]) == 4
    out, errors = capfd.readouterr()
    assert out.splitlines() == ["good: 5 ms, at most 10: holds"]
    assert "bad: gave no figure" in errors


def test_module_without_such_a_line_is_no_script(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text('"""Helps."""')
    (tmp_path / "many.py").write_text('"""python -m benchmarks.claims.many BUNDLE PICTURE...: it.\n"""')
    assert {name: one.needs for name, one in claim_scripts.scripts(tmp_path).items()} == {"many": ("bundle", "picture")}
