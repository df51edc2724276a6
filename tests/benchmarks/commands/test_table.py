"""Tests `python -m benchmarks` without the folders that stay in the repository."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "tests" / "data" / "bundle_schema_1"
NOT_INSTALLED = ("claims", "peers", "recorded")


@pytest.fixture(scope="module")
def device(bare_python, run_cli, tmp_path_factory):
    """Runs `python -m benchmarks` where only what a device installs can be imported."""
    folder = tmp_path_factory.mktemp("device")
    ignored = shutil.ignore_patterns("__pycache__", *NOT_INSTALLED)
    shutil.copytree(ROOT / "benchmarks", folder / "benchmarks", ignore=ignored)
    shutil.copytree(ROOT / "runtime", folder / "runtime")
    python = bare_python("numpy", "pillow", "ai-edge-litert")

    def run(*words: str | Path):
        environment = {"PYTHONPATH": str(folder)}
        return run_cli("benchmarks", *words, python=python, cwd=folder, env=environment)

    return run


def test_help_lists_only_what_is_installed(device) -> None:
    done = device("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "latency" in done.stdout
    assert "claims" not in done.stdout
    assert "peers" not in done.stdout


def test_latency_is_measured_and_reported(device, tmp_path: Path) -> None:
    result = tmp_path / "a.json"
    words = ("--threads", "1", "--iterations", "3", "--min-seconds", "0", "-o", result)
    done = device("latency", BUNDLE, *words)
    assert done.returncode == 0, done.stderr
    assert "model.int8.tflite, LiteRT" in done.stdout
    done = device("report", result)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.html").is_file()


@pytest.mark.parametrize("verb", ["compare", "accuracy", "recommend", "soak"])
def test_other_verbs_can_be_imported(device, verb: str) -> None:
    done = device(verb, "--help")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["claims", "peers"])
def test_verb_of_the_repository_is_exit_4_in_one_line(device, verb: str) -> None:
    done = device(verb, "--list")
    assert (done.returncode, done.stdout) == (4, "")
    place = "run it on the workstation, or in a checkout of the project"
    assert done.stderr == f"python -m benchmarks: {verb}: not installed here; {place}\n"
