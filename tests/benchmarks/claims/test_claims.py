"""Tests `python -m benchmarks claims`: its scripts, their figures, the exit code, old names."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.claims.base import Claim, worst_of
from benchmarks.claims.registry import FOLDER, OLD_NAMES, claim_scripts
from benchmarks.commands.table import main
from runtime.errors import InputRefused

HELPERS = {"--init--", "article-recipe", "plain-keras", "plain-pytorch"} | {
    *("main", "ai-edge-quantizer", "onnxruntime", "nncf", "ultralytics"),
    *("libraries", "plain", "timing"),
}
SCRIPT = '''"""python -m benchmarks.claims.scripts.{name} BUNDLE [MORE]

Measures something
long. More about it.
"""
import os, sys
sys.path.insert(0, {root!r})
from benchmarks.claims.base import Claim, print_claims
print("on the way", sys.argv[1:])
sys.exit(print_claims(Claim("{name}", {figure}, "ms", 10, least=False)))
'''


def test_docstring_of_every_script_says_what_it_needs() -> None:
    scripts = claim_scripts()
    files = {file.stem.replace("_", "-") for file in FOLDER.rglob("*.py")}
    assert files - HELPERS == set(scripts)
    assert scripts["train-peers"].module == "benchmarks.claims.scripts.training.train_peers"
    assert scripts["gate-speed"].arguments == ("run",)
    assert scripts["int8-drop"].arguments == ("run",)
    assert scripts["harness-overhead"].arguments == ("bundle",)
    assert all(script.summary.split()[0] in ("Compares", "Measures") for script in scripts.values())


def test_scale_has_a_row_for_each_step_and_count_and_draws_them(run_cli, tmp_path: Path) -> None:
    """Checking folders of 100 and 200 images takes the same time, that of the start."""
    plot = tmp_path / "plot.png"
    done = run_cli(
        *("benchmarks.claims.scripts.scale", tmp_path, "--counts", "200", "100"),
        *("--steps", "check", "--plot", plot),
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| check")]
    assert [row[1] for row in rows] == ["100", "200"]
    disk_mb = [float(row[-1].strip("| ")) for row in rows]
    assert disk_mb[1] == pytest.approx(2 * disk_mb[0])
    assert "scale-check: " in done.stdout
    with Image.open(plot) as image:
        assert image.width > 1000
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]


def test_old_names_of_claims_are_accepted(capsys) -> None:
    assert set(OLD_NAMES.values()) <= set(claim_scripts())
    assert main(["claims", "--list", "small-pictures", "big_pictures", "harness-honest"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["small-images", "big-images", "harness-overhead"]


@pytest.fixture
def two(tmp_path: Path, monkeypatch) -> Path:
    """A package of two claims, one of which does not hold, in the place of ours."""
    root = Path(__file__).parents[3]
    folder = tmp_path / "claims"
    folder.mkdir()
    for name, figure in (("good", 5), ("bad", 15)):
        (folder / f"{name}.py").write_text(SCRIPT.format(name=name, figure=figure, root=str(root)))
    scripts = claim_scripts(folder)
    monkeypatch.setattr(
        "benchmarks.claims.command.claim_scripts",
        lambda: {name: replace(script, module=name) for name, script in scripts.items()},
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").touch()
    return folder


def test_figures_go_to_stdout_and_the_json_and_one_that_fails_is_exit_3(
    two: Path, tmp_path: Path, capfd
) -> None:
    path = tmp_path / "claims.json"
    assert main(["claims", "--bundle", "b", "-o", str(path)]) == 3
    out, errors = capfd.readouterr()
    assert out.splitlines() == [
        "bad: 15 ms, at most 10: DOES NOT HOLD (15 to 15 in 3 runs)",
        "good: 5 ms, at most 10: holds (5 to 5 in 3 runs)",
    ]
    assert "on the way ['b']" in errors
    (run,) = json.loads(path.read_text())["runs"]
    assert [(claim["script"], claim["figure"], claim["holds"]) for claim in run["results"]] == [
        ("bad", 15, False),
        ("good", 5, True),
    ]
    assert run["command"] == "python -m benchmarks claims --bundle b -o claims.json"
    assert run["before"]["machine"]["cores_allowed"] >= 1
    assert main(["claims", "--table", str(path)]) == 0
    table = capfd.readouterr().out
    assert (
        "| bad | 15 ms; 15 to 15 in 3 runs | at most 10 | **does not hold** |\n"
        "| good | 5 ms; 5 to 5 in 3 runs | at most 10 | holds |\n" in table
    )
    assert "numpy 2" in table
    assert main(["claims", "good", "--bundle", "b", "--rounds", "1"]) == 0
    assert capfd.readouterr().out == "good: 5 ms, at most 10: holds (1 run)\n"
    assert main(["claims", "good", "--bundle", "b"]) == 0


def test_add_keeps_other_runs_and_replaces_the_one_of_the_same_command(
    two: Path, tmp_path: Path, monkeypatch, capfd
) -> None:
    path = tmp_path / "claims.json"
    words = ["--bundle", "b", "-o", str(path)]
    assert main(["claims", "good", *words]) == 0
    with pytest.raises(InputRefused, match="exists already"):
        main(["claims", "bad", *words])
    assert main(["claims", "bad", *words, "--append"]) == 3
    good = two / "good.py"
    # Python takes a file of the same second and size for the one that it has compiled.
    good.write_text(good.read_text().replace("5, ", "6.0, "))
    assert main(["claims", "good", *words, "--append"]) == 0
    assert (
        len(path.read_text().splitlines()) == 8
    )  # a line for each run and each result, and what closes them
    runs = json.loads(path.read_text())["runs"]
    assert [[claim["figure"] for claim in run["results"]] for run in runs] == [[15], [6]]
    capfd.readouterr()
    assert main(["claims", "--table", str(path)]) == 0
    table = capfd.readouterr().out
    assert table.count("| claim | figure | bar | |") == 2
    assert "`python -m benchmarks claims good --bundle b -o claims.json`" in table


def test_add_to_something_else_is_refused(two: Path, tmp_path: Path, capfd) -> None:
    path = tmp_path / "claims.json"
    path.write_text('{"kind": "claims", "schema": 1, "claims": []}')
    for words, reason in (
        (["-o", str(path), "--append"], "expected schema 3, found 1"),
        (["--append"], "expected -o FILE"),
        (["--into", "page.md"], "expected --table FILE"),
    ):
        with pytest.raises(InputRefused, match=reason):
            main(["claims", "good", "--bundle", "b", *words])
    assert capfd.readouterr().out == ""


def test_missing_path_is_refused_before_anything_is_measured(run_cli) -> None:
    done = run_cli("benchmarks", "claims", "harness-overhead", "--bundle", "nowhere")
    assert (done.returncode, done.stderr) == (
        2,
        "python -m benchmarks: nowhere: no such file or folder\n",
    )


def test_error_of_a_script_is_one_line(run_cli, tmp_path: Path) -> None:
    done = run_cli("benchmarks", "claims", "harness-overhead", "--bundle", tmp_path)
    assert done.returncode == 4
    assert f"benchmarks.claims.scripts.harness_overhead: {tmp_path}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_claim_that_lacks_its_argument_is_refused_by_name(run_cli) -> None:
    done = run_cli("benchmarks", "claims", "harness-overhead")
    assert (done.returncode, done.stderr) == (
        2,
        "python -m benchmarks: harness-overhead: needs --bundle PATH\n",
    )


def test_script_that_ends_without_a_figure_is_exit_4(two: Path, capfd) -> None:
    (two / "bad.py").write_text(
        '"""python -m benchmarks.claims.scripts.bad BUNDLE\n\nX."""\nraise SystemExit(1)'
    )
    assert main(["claims", "--bundle", "b"]) == 4
    out, errors = capfd.readouterr()
    assert out.splitlines() == ["good: 5 ms, at most 10: holds (5 to 5 in 3 runs)"]
    assert "bad: measured no figure" in errors


def test_module_without_such_a_docstring_is_no_script(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text('"""Helps."""')
    (tmp_path / "many.py").write_text(
        '"""python -m benchmarks.claims.scripts.many BUNDLE IMAGE...\n\nMeasures it.\n"""'
    )
    (script,) = claim_scripts(tmp_path).values()
    assert (script.name, script.arguments) == ("many", ("bundle", "image"))
    assert script.summary == "Measures it"


def test_the_worst_run_counts_and_a_bar_within_the_spread_is_not_shown() -> None:
    """The rows of one claim come from separate processes; here only how they are joined."""
    for figures, least, figure, outcome in (
        ((4, 6, 5), False, 6, "holds"),
        ((4, 16, 5), False, 16, "not shown"),
        ((14, 16, 15), False, 16, "does not hold"),
        ((14, 16, 15), True, 14, "holds"),
        ((4, 16, 15), True, 4, "not shown"),
        ((4, 6, 5), True, 4, "does not hold"),
    ):
        runs = [[Claim("a", value, f"ms of {value}", 10, least)] for value in figures]
        (claim,) = worst_of(runs)
        assert (claim.figure, claim.outcome, claim.rounds) == (figure, outcome, figures)
        assert claim.unit == f"ms of {figure}"
        assert claim.holds == (outcome == "holds")
        assert Claim.from_data(json.loads(json.dumps(claim.to_data()))) == claim
    assert str(claim) == "a: 4 ms of 4, at least 10: DOES NOT HOLD (4 to 6 in 3 runs)"


def test_the_scripts_take_turns_so_that_the_runs_of_one_lie_apart(two: Path, capfd) -> None:
    good = two / "good.py"
    good.write_text(good.read_text().replace("on the way", "good"))
    assert main(["claims", "--bundle", "b", "--rounds", "2"]) == 3
    out, errors = capfd.readouterr()
    order = [line.split(" [")[0] for line in errors.splitlines() if line.endswith("['b']")]
    assert order == ["on the way", "good"] * 2
    assert "in 2 runs" in out
