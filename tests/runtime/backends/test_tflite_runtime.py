"""Tests tflite-runtime without LiteRT: it runs with numpy 1, and numpy 2 is exit code 4."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def install(folder: Path, *packages: str) -> Path:
    """Installs packages into a folder; skips the calling test if there is no such wheel."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--only-binary=:all:",
        "--no-deps",
        "--target",
        folder,
        *packages,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(
            f"pip does not install {' '.join(packages)} here:"
            f" {done.stderr.strip().splitlines()[-1][:200]}"
        )
    return folder


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("tflite-runtime"), "tflite-runtime==2.14.0")


@pytest.fixture(scope="module")
def old_numpy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("numpy"), "numpy>=1.26,<2")


@pytest.fixture(scope="module")
def photo(cells: Path) -> Path:
    return sorted(cells.rglob("*.png"))[0]


def environment(*folders: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, *folders)))}


def test_it_runs_with_numpy_1(
    exported: Path, photo: Path, run_cli, bare_python, interpreter: Path, old_numpy: Path
) -> None:
    words = ("runtime", "predict", exported / "model.int8.tflite", photo, "--json")
    done = run_cli(*words, python=bare_python("pillow"), env=environment(interpreter, old_numpy))
    assert (done.returncode, done.stderr) == (0, "")
    found, wanted = (json.loads(one.stdout)["predictions"] for one in (done, run_cli(*words)))
    assert [one["label"] for one in found] == [one["label"] for one in wanted]
    assert [one["score"] for one in found] == pytest.approx(
        [one["score"] for one in wanted], abs=0.1
    )


def test_with_numpy_2_it_is_exit_4_in_one_line(
    exported: Path, photo: Path, run_cli, refuses, bare_python, interpreter: Path
) -> None:
    python = bare_python("pillow", "numpy")
    done = run_cli(
        "runtime",
        "predict",
        exported / "model.int8.tflite",
        photo,
        python=python,
        env=environment(interpreter),
    )
    refuses(
        done,
        4,
        "model.int8.tflite: tflite-runtime works with numpy 1 only: pip install 'numpy<2';"
        " found numpy 2.",
    )


def test_litert_is_taken_where_both_are(
    exported: Path, photo: Path, run_cli, interpreter: Path
) -> None:
    """Under this numpy tflite-runtime could not."""
    done = run_cli(
        "runtime", "predict", exported / "model.int8.tflite", photo, env=environment(interpreter)
    )
    assert (done.returncode, done.stderr) == (0, "")


AS_IF = """
import sys, numpy, runtime.classifier
sys.maxsize, sys.version_info = 2**31 - 1, {version}
from runtime.cli.program import run_program
from runtime.commands import table
run_program("python -m runtime", table.main, sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        ((3, 11, 2), "pip install tflite-runtime==2.14.0 'numpy<2'"),
        ((3, 13, 5), "the last tflite-runtime is for Python 3.11 or older"),
    ],
    ids=str,
)
def test_system_of_32_bits_is_told_what_there_is_for_it(
    tmp_path: Path, refuses, bare_python, version, advice: str
) -> None:
    """The interpreter's modules are really absent; the word length and version are replaced."""
    (tmp_path / "model.tflite").write_bytes(b"\x20\0\0\0TFL3" + bytes(100))
    command = [
        bare_python("pillow", "numpy"),
        "-c",
        AS_IF.format(version=version),
        "predict",
        tmp_path / "model.tflite",
        "x.jpg",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment()}
    )
    refuses(done, 4, "model.tflite: ", "has no LiteRT", advice)
