"""Imports point down, seen by parsing them and by running each package where the rest is missing."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.commands import VERBS
from runtime.plugins import missing

ROOT = Path(__file__).parent.parent
PACKAGES = {"train", "export", "runtime", "benchmarks"}
MAY_IMPORT = {
    "runtime": {"runtime"},
    "train": {"train", "runtime"},
    "export": {"export", "runtime"},
    "benchmarks": {"benchmarks", "runtime"},
}
ON_THE_DEVICE = {"numpy", "PIL"}
OPTIONAL = {
    **{f"runtime/live/{name}.py": {"tornado"} for name in ("limits", "routes", "server")},
    "runtime/sinks/mqtt.py": {"paho"},
    "runtime/sources/camera.py": {"linuxpy"},
    "runtime/sources/clip.py": {"av"},
    "runtime/sources/rtsp.py": {"av"},
    "runtime/sources/picamera.py": {"picamera2"},
    "benchmarks/peers/plain.py": {"ai_edge_litert"},
    "benchmarks/peers/raspberry_pi.py": {"ai_edge_litert", "cv2"},
    "benchmarks/peers/mediapipe.py": {"mediapipe"},
    "benchmarks/peers/ultralytics.py": {"ultralytics"},
    "benchmarks/peers/ultralytics_model.py": {"torch", "ultralytics"},
}
"""What single leaves may import beside that, each its own; nothing but runtime.plugins loads them, or another process."""
INTERPRETERS = {"ai_edge_litert", "tflite_runtime", "onnxruntime", "tensorflow", "keras"}
BASE, TFLITE, ONNX = (
    ("numpy", "pillow"),
    ("numpy", "pillow", "ai-edge-litert"),
    ("numpy", "pillow", "onnxruntime", "flatbuffers", "packaging", "protobuf"),
)


def modules(package: str) -> list[Path]:
    """Without the claims, which measure the other packages and run on a workstation."""
    return [file for file in sorted((ROOT / package).rglob("*.py")) if "claims" not in file.parts]


def imports(file: Path) -> set[str]:
    """The top-level names of all that a file imports, wherever in it; a relative import is its own package."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0] if node.module and not node.level else file.relative_to(ROOT).parts[0])
    return found


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_package_imports_no_package_beside_or_above_it(package: str) -> None:
    if not modules(package):
        pytest.skip(f"there is no package {package} yet")
    for file in modules(package):
        assert imports(file) & PACKAGES <= MAY_IMPORT[package], file
        assert not imports(file) & {"tests", "demo"}, file


@pytest.mark.parametrize("package", ["runtime", "benchmarks"])
def test_device_code_imports_only_the_standard_library_numpy_and_pillow(package: str) -> None:
    for file in modules(package):
        if file.parent != ROOT / "runtime" / "backends" or file.name == "__init__.py":
            foreign = imports(file) - set(sys.stdlib_module_names) - PACKAGES - ON_THE_DEVICE
            foreign -= OPTIONAL.get(str(file.relative_to(ROOT)), set())
            assert not foreign, file


def test_each_backend_imports_its_own_interpreter_and_no_other() -> None:
    for name, own in (("tflite_interpreter", {"ai_edge_litert", "tflite_runtime"}), ("tflite", set()), ("onnx", {"onnxruntime"})):
        assert imports(ROOT / "runtime" / "backends" / f"{name}.py") & INTERPRETERS == own


def test_leaves_are_loaded_by_name_only() -> None:
    """No module of the runtime imports a backend, or a source or sink that needs a package: only runtime.plugins does."""
    leaves = ("runtime.backends.", *(name.removesuffix(".py").replace("/", ".") for name in OPTIONAL if "/live/" not in name))
    for file in modules("runtime"):
        if file.parent.name == "backends":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [part.name for part in getattr(node, "names", [])]
            assert not any(name.startswith(leaves) for name in names), file


def test_importing_the_runtime_loads_no_interpreter() -> None:
    heavy = ", ".join(repr(name) for name in sorted(INTERPRETERS | {"matplotlib", "onnx", "train", "export", "linuxpy", "av"}))
    code = f"import sys, runtime, runtime.__main__, runtime.console; print([name for name in ({heavy}) if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# each part in an environment that lacks the rest


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
    done = subprocess.run([python, "-c", f"import {name}"], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
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
        for name in ("numpy", "PIL", "runtime", "ai_edge_litert", "onnxruntime", "tensorflow", "keras", "pytest")
    }
    assert {name for name, there in has.items() if there} == {"numpy", "PIL", "runtime"} | {
        "base": set(),
        "tflite": {"ai_edge_litert"},
        "onnx": {"onnxruntime"},
    }[kind]


@pytest.mark.parametrize(("kind", "file"), [("tflite", "model.int8.tflite"), ("onnx", "model.fp32.onnx")])
def test_one_interpreter_is_enough_to_predict_and_verify(request, exported: Path, photo: Path, run_cli, kind: str, file: str) -> None:
    python = request.getfixturevalue(f"{kind}_python")
    here = run_cli("runtime", "predict", exported / file, photo)
    for source in (exported, exported / file):
        there = run_cli("runtime", "predict", source, photo, python=python)
        assert (there.returncode, there.stdout, there.stderr) == (0, here.stdout, "")
    done = run_cli("runtime", "verify", exported, "--artifact", file, python=python)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{file}: " in done.stdout
    assert "as exported" in done.stdout


def test_bundle_takes_the_artifact_that_runs_here(exported: Path, photo: Path, run_cli, onnx_python: str) -> None:
    """The int8 file is preferred; only the .onnx can run."""
    done = run_cli("runtime", "predict", exported, photo, "--json", python=onnx_python)
    alone = run_cli("runtime", "predict", exported / "model.fp32.onnx", photo, "--json", python=onnx_python)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predictions"] == json.loads(alone.stdout)["predictions"]


def test_verify_checks_what_can_run_and_names_what_cannot(exported: Path, run_cli, tflite_python: str) -> None:
    done = run_cli("runtime", "verify", exported, python=tflite_python)
    assert done.returncode == 0
    assert "model.int8.tflite: " in done.stdout
    assert "as exported" in done.stdout
    assert done.stderr == f"not checked: {exported}/model.fp32.onnx: {missing('onnxruntime', 'onnx')}\n"


def test_verify_of_what_cannot_run_at_all_is_exit_4(exported: Path, run_cli, base_python: str) -> None:
    done = run_cli("runtime", "verify", exported, python=base_python)
    assert (done.returncode, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)], ids=" ".join)
def test_help_and_version_need_no_interpreter(run_cli, base_python: str, words: list[str]) -> None:
    done = run_cli("runtime", *words, python=base_python)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("package", ["train", "export", "benchmarks"])
def test_help_of_the_workstation_packages_needs_no_keras(run_cli, base_python: str, package: str) -> None:
    done = run_cli(package, "--help", python=base_python)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m {package}")


@pytest.mark.parametrize(
    ("source", "package", "extra"),
    [("", "ai-edge-litert", "tflite"), ("model.int8.tflite", "ai-edge-litert", "tflite"), ("model.fp32.onnx", "onnxruntime", "onnx")],
    ids=["bundle", "tflite", "onnx"],
)
def test_missing_interpreter_is_exit_4_with_the_pip_command(
    exported: Path, photo: Path, run_cli, base_python: str, source: str, package: str, extra: str
) -> None:
    done = run_cli("runtime", "predict", exported / source, photo, python=base_python)
    assert (done.returncode, done.stdout) == (4, "")
    file = exported / (source or "model.int8.tflite")
    assert done.stderr == f"python -m runtime: {file}: {missing(package, extra)}\n"


@pytest.mark.parametrize(("kind", "file"), [("onnx", "model.int8.tflite"), ("tflite", "model.fp32.onnx")])
def test_wrong_interpreter_for_the_file_is_exit_4(request, exported: Path, photo: Path, run_cli, kind: str, file: str) -> None:
    done = run_cli("runtime", "predict", exported / file, photo, python=request.getfixturevalue(f"{kind}_python"))
    assert (done.returncode, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 1
    assert "needs the package" in done.stderr
    assert file in done.stderr


@pytest.mark.parametrize("words", [["train", "pictures"], ["export", "tflite", "run"]], ids=lambda words: words[0])
def test_missing_workstation_packages_are_exit_4_in_one_line(
    run_cli, base_python: str, trained: Path, cells: Path, tmp_path: Path, words: list[str]
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "pictures").symlink_to(cells)
    done = run_cli(words[0], *words[1:], python=base_python, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert f"pip install '.[{words[0]}]'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
