"""Tests each part of Quince in an environment that lacks the rest."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runtime.commands.table import VERBS
from runtime.system.lazy_loading import install_hint

ROOT = Path(__file__).parents[1]
BASE, TFLITE, ONNX = (
    ("numpy", "pillow"),
    ("numpy", "pillow", "ai-edge-litert"),
    ("numpy", "pillow", "onnxruntime", "flatbuffers", "packaging", "protobuf"),
)


@pytest.fixture(scope="module")
def base_python(bare_python) -> str:
    return bare_python(*BASE)


@pytest.fixture(scope="module")
def tflite_python(bare_python) -> str:
    return bare_python(*TFLITE)


@pytest.fixture(scope="module")
def onnx_python(bare_python) -> str:
    return bare_python(*ONNX)


def importable(python: str, name: str) -> bool:
    done = subprocess.run(
        [python, "-c", f"import {name}"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0 or b"ModuleNotFoundError" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.fixture(scope="module")
def photo(cells: Path) -> Path:
    return sorted(cells.rglob("*.png"))[0]


@pytest.mark.parametrize("kind", ["base", "tflite", "onnx"])
def test_bare_environments_are_bare(request: pytest.FixtureRequest, kind: str) -> None:
    """Without this the tests below would prove nothing."""
    python = request.getfixturevalue(f"{kind}_python")
    has = {
        name: importable(python, name)
        for name in (
            "numpy",
            "PIL",
            "runtime",
            "ai_edge_litert",
            "onnxruntime",
            "tensorflow",
            "keras",
            "pytest",
        )
    }
    assert {name for name, there in has.items() if there} == {"numpy", "PIL", "runtime"} | {
        "base": set(),
        "tflite": {"ai_edge_litert"},
        "onnx": {"onnxruntime"},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "file"), [("tflite", "model.int8.tflite"), ("onnx", "model.fp32.onnx")]
)
def test_one_interpreter_is_enough_to_predict_and_verify(
    request, exported: Path, photo: Path, run_cli, kind: str, file: str
) -> None:
    python = request.getfixturevalue(f"{kind}_python")
    here = run_cli("runtime", "predict", exported / file, photo)
    for source in (exported, exported / file):
        there = run_cli("runtime", "predict", source, photo, python=python)
        assert (there.returncode, there.stdout, there.stderr) == (0, here.stdout, "")
    done = run_cli("runtime", "verify", exported, "--artifact", file, python=python)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{file}: " in done.stdout
    assert "as exported" in done.stdout


def test_bundle_takes_the_artifact_that_runs_here(
    exported: Path, photo: Path, run_cli, onnx_python: str
) -> None:
    """The int8 file is preferred; only the .onnx can run."""
    done = run_cli("runtime", "predict", exported, photo, "--json", python=onnx_python)
    alone = run_cli(
        "runtime", "predict", exported / "model.fp32.onnx", photo, "--json", python=onnx_python
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predictions"] == json.loads(alone.stdout)["predictions"]


def test_verify_checks_what_can_run_and_names_what_cannot(
    exported: Path, run_cli, tflite_python: str
) -> None:
    done = run_cli("runtime", "verify", exported, python=tflite_python)
    assert done.returncode == 0
    assert "model.int8.tflite: " in done.stdout
    assert "as exported" in done.stdout
    assert (
        done.stderr
        == f"not checked: {exported}/model.fp32.onnx: {install_hint('onnxruntime', 'onnx')}\n"
    )


def test_verify_of_what_cannot_run_at_all_is_exit_4(
    exported: Path, run_cli, base_python: str
) -> None:
    done = run_cli("runtime", "verify", exported, python=base_python)
    assert (done.returncode, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)], ids=" ".join
)
def test_help_and_version_need_no_interpreter(run_cli, base_python: str, words: list[str]) -> None:
    done = run_cli("runtime", *words, python=base_python)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("package", ["train", "export", "benchmarks"])
def test_help_of_the_workstation_packages_needs_no_keras(
    run_cli, base_python: str, package: str
) -> None:
    done = run_cli(package, "--help", python=base_python)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m {package}")


@pytest.mark.parametrize(
    ("source", "package", "extra"),
    [
        ("", "ai-edge-litert", "tflite"),
        ("model.int8.tflite", "ai-edge-litert", "tflite"),
        ("model.fp32.onnx", "onnxruntime", "onnx"),
    ],
    ids=["bundle", "tflite", "onnx"],
)
def test_missing_interpreter_is_exit_4_with_the_pip_command(
    exported: Path, photo: Path, run_cli, base_python: str, source: str, package: str, extra: str
) -> None:
    done = run_cli("runtime", "predict", exported / source, photo, python=base_python)
    assert (done.returncode, done.stdout) == (4, "")
    file = exported / (source or "model.int8.tflite")
    assert done.stderr == f"python -m runtime: {file}: {install_hint(package, extra)}\n"


@pytest.mark.parametrize(
    ("kind", "file"), [("onnx", "model.int8.tflite"), ("tflite", "model.fp32.onnx")]
)
def test_wrong_interpreter_for_the_file_is_exit_4(
    request, exported: Path, photo: Path, run_cli, kind: str, file: str
) -> None:
    done = run_cli(
        "runtime",
        "predict",
        exported / file,
        photo,
        python=request.getfixturevalue(f"{kind}_python"),
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 1
    assert "needs the package" in done.stderr
    assert file in done.stderr


@pytest.mark.parametrize(
    "words", [["train", "images"], ["export", "tflite", "run"]], ids=lambda words: words[0]
)
def test_missing_workstation_packages_are_exit_4_in_one_line(
    run_cli, base_python: str, trained: Path, cells: Path, tmp_path: Path, words: list[str]
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "images").symlink_to(cells)
    done = run_cli(words[0], *words[1:], python=base_python, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert f"pip install '.[{words[0]}]'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
