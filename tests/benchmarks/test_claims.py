"""python -m benchmarks claims: every script is known by its first line, and what it prints and says decides the exit code."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import claim_scripts
from benchmarks.__main__ import main
from benchmarks.claim_scripts import FOLDER, scripts
from runtime.errors import InputRefused

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
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").touch()
    return folder


def test_figures_go_to_stdout_and_the_json_and_one_that_fails_is_exit_3(two: Path, tmp_path: Path, capfd) -> None:
    path = tmp_path / "claims.json"
    assert main(["claims", "--bundle", "b", "--json", str(path)]) == 3
    out, errors = capfd.readouterr()
    assert out.splitlines() == ["bad: 15 ms, at most 10: DOES NOT HOLD", "good: 5 ms, at most 10: holds"]
    assert "on the way ['b']" in errors
    (found,) = json.loads(path.read_text())["runs"]
    assert [(one["script"], one["figure"], one["holds"]) for one in found["results"]] == [("bad", 15, False), ("good", 5, True)]
    assert found["command"] == "python -m benchmarks claims --bundle b --json claims.json"
    assert found["before"]["machine"]["cores_allowed"] >= 1
    assert main(["claims", "--table", str(path)]) == 0
    table = capfd.readouterr().out
    assert "| bad | 15 ms | at most 10 | **does not hold** |\n| good | 5 ms | at most 10 | holds |\n" in table
    assert "numpy 2" in table
    assert main(["claims", "good", "--bundle", "b"]) == 0


def test_add_keeps_other_runs_and_replaces_the_one_of_the_same_command(two: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    path = tmp_path / "claims.json"
    words = ["--bundle", "b", "--json", str(path)]
    assert main(["claims", "good", *words]) == 0
    with pytest.raises(InputRefused, match="is there already"):
        main(["claims", "bad", *words])
    assert main(["claims", "bad", *words, "--add"]) == 3
    good = two / "good.py"
    good.write_text(good.read_text().replace("5, ", "6, "))
    assert main(["claims", "good", *words, "--add"]) == 0
    assert len(path.read_text().splitlines()) == 8  # a line for each run and each result, and what closes them
    runs = json.loads(path.read_text())["runs"]
    assert [[one["figure"] for one in run["results"]] for run in runs] == [[15], [6]]
    capfd.readouterr()
    assert main(["claims", "--table", str(path)]) == 0
    table = capfd.readouterr().out
    assert table.count("| claim | figure | bar | |") == 2
    assert "`python -m benchmarks claims good --bundle b --json claims.json`" in table


def test_add_to_something_else_is_refused(two: Path, tmp_path: Path, capfd) -> None:
    path = tmp_path / "claims.json"
    path.write_text('{"kind": "claims", "schema": 1, "claims": []}')
    for words, reason in (
        (["--json", str(path), "--add"], "expected schema 2, found 1"),
        (["--add"], "expected --json FILE"),
        (["--into", "page.md"], "expected --table FILE"),
    ):
        with pytest.raises(InputRefused, match=reason):
            main(["claims", "good", "--bundle", "b", *words])
    assert capfd.readouterr().out == ""


def test_missing_path_is_refused_before_anything_is_measured(run_cli) -> None:
    done = run_cli("benchmarks", "claims", "harness-honest", "--bundle", "nowhere")
    assert (done.returncode, done.stderr) == (2, "python -m benchmarks: nowhere: no such file or folder\n")


def test_error_of_a_script_is_one_line(run_cli, tmp_path: Path) -> None:
    done = run_cli("benchmarks", "claims", "harness-honest", "--bundle", tmp_path)
    assert done.returncode == 4
    assert f"benchmarks.claims.harness_honest: {tmp_path}: " in done.stderr
    assert "Traceback" not in done.stderr


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
