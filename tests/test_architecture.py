"""Tests that imports point down, by parsing them and by running a package without the rest."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.commands.table import VERBS
from runtime.system.lazy_loading import install_hint

ROOT = Path(__file__).parents[1]
PACKAGES = {"train", "export", "runtime", "benchmarks", "workstation"}
MAY_IMPORT = {
    "runtime": {"runtime"},
    "workstation": {"workstation", "runtime"},
    "train": {"train", "workstation", "runtime"},
    "export": {"export", "workstation", "runtime"},
    "benchmarks": {"benchmarks", "runtime"},
}
ROOMS = {
    "runtime": "errors, answer < system, file_formats < cli, images, backends < models, sources"
    " < bundles"
    " < classifier < explanation < deployment, shared, monitor < commands",
    "workstation": "similarity, keras_setup, keras_classes, plotting, zip_archive < keras_config"
    " < keras_archive"
    " < keras_loading, keras_saving, run_folder",
    "export": "graph, emulation < inputs, formats < parity < quantization"
    " < report, options < publish < adoption, session < onnx_session, baseline_check < conversion"
    " < exporter < auto_precision < commands",
    "train": "backbones, checkpoints, sample_datasets < configuration, distribution < data"
    " < fitting, evaluation < report, selection, tuning"
    " < review, train_and_evaluate, train_one_class < trainer < commands",
    "benchmarks": "measurement < reporting, recommendation"
    " < latency, comparison, accuracy, soak < commands < recorded < claims, peers",
}
"""The folders and modules of each package. An import goes to the left, never to a neighbour."""
MAX_MODULES = 15
NOT_ON_THE_DEVICE = ("claims", "peers")
"""Folders of benchmarks that stay in the repository and may use `workstation`."""
ON_THE_DEVICE = {"numpy", "PIL"}
STDLIB = sys.stdlib_module_names | {"_sha2", "_sha256"}
"""Of every version of Python: the sha256 of its own has two names."""
OPTIONAL = {
    **{
        f"runtime/monitor/live_page/{name}.py": {"tornado"}
        for name in ("checked_handler", "connection_limits", "routes", "server")
    },
    "runtime/monitor/sinks/mqtt.py": {"paho"},
    "runtime/sources/v4l2.py": {"linuxpy"},
    "runtime/sources/clip.py": {"av"},
    "runtime/sources/rtsp.py": {"av"},
    "runtime/sources/picamera2.py": {"picamera2"},
    "benchmarks/peers/adapters/plain.py": {"ai_edge_litert"},
    "benchmarks/peers/adapters/raspberry_pi.py": {"ai_edge_litert", "cv2"},
    "benchmarks/peers/adapters/mediapipe.py": {"mediapipe"},
    "benchmarks/peers/adapters/ultralytics.py": {"ultralytics"},
    "benchmarks/peers/adapters/ultralytics_model.py": {"torch", "ultralytics"},
}
"""Packages that single leaves may import. Only runtime.system.lazy_loading loads these leaves."""
INTERPRETERS = {"ai_edge_litert", "tflite_runtime", "onnxruntime", "tensorflow", "keras"}
BASE, TFLITE, ONNX = (
    ("numpy", "pillow"),
    ("numpy", "pillow", "ai-edge-litert"),
    ("numpy", "pillow", "onnxruntime", "flatbuffers", "packaging", "protobuf"),
)


def modules(package: str) -> list[Path]:
    """Without the scripts of claims, which measure the other packages and run on a workstation."""
    return [file for file in sorted((ROOT / package).rglob("*.py")) if "scripts" not in file.parts]


def imported_modules(file: Path) -> set[str]:
    """Returns the dotted names of all imports; a relative import counts as its own package."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(
                node.module if node.module and not node.level else file.relative_to(ROOT).parts[0]
            )
    return found


def imports(file: Path) -> set[str]:
    """The top-level names of all that a file imports."""
    return {name.split(".")[0] for name in imported_modules(file)}


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_package_imports_no_package_beside_or_above_it(package: str) -> None:
    assert modules(package)
    for file in modules(package):
        allowed = MAY_IMPORT[package] | (
            {"workstation"} if set(NOT_ON_THE_DEVICE) & set(file.parts) else set()
        )
        assert imports(file) & PACKAGES <= allowed, file
        assert not imports(file) & {"tests", "demo"}, file


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_folders_import_only_folders_below_them(package: str) -> None:
    floors = [floor.replace(",", " ").split() for floor in ROOMS[package].split("<")]
    height = {room: number for number, floor in enumerate(floors) for room in floor}
    rooms = {
        file.relative_to(ROOT / package).parts[0].removesuffix(".py") for file in modules(package)
    }
    assert rooms - {"__init__", "__main__"} == set(height)
    for file in modules(package):
        own = file.relative_to(ROOT / package).parts[0].removesuffix(".py")
        if own.startswith("__"):
            continue
        others = {
            name.split(".")[1] for name in imported_modules(file) if name.startswith(f"{package}.")
        } - {own}
        assert not [other for other in others if height[other] >= height[own]], file


def test_nothing_in_the_runtime_but_its_commands_imports_what_is_shared() -> None:
    for file in modules("runtime"):
        if not {"shared", "commands"} & set(file.parts):
            assert not [
                name for name in imported_modules(file) if name.startswith("runtime.shared")
            ], file


def test_no_folder_holds_more_than_15_modules() -> None:
    for package in PACKAGES:
        for folder in {file.parent for file in (ROOT / package).rglob("*.py")}:
            assert len(list(folder.glob("*.py"))) <= MAX_MODULES, folder


@pytest.mark.parametrize("package", ["runtime", "benchmarks"])
def test_device_code_imports_only_the_standard_library_numpy_and_pillow(package: str) -> None:
    for file in modules(package):
        if file.parent != ROOT / "runtime" / "backends" or file.name in (
            "__init__.py",
            "base.py",
            "installed.py",
        ):
            foreign = imports(file) - set(STDLIB) - PACKAGES - ON_THE_DEVICE
            foreign -= OPTIONAL.get(str(file.relative_to(ROOT)), set())
            assert not foreign, file


def test_each_backend_imports_its_own_interpreter_and_no_other() -> None:
    for name, own in (
        ("tflite_interpreter", {"ai_edge_litert", "tflite_runtime"}),
        ("litert", set()),
        ("onnxruntime", {"onnxruntime"}),
    ):
        assert imports(ROOT / "runtime" / "backends" / f"{name}.py") & INTERPRETERS == own


def test_leaves_are_loaded_by_name_only() -> None:
    """No module of the runtime imports a backend, or a source or sink that needs a package."""
    leaves = (
        "runtime.backends.litert",
        "runtime.backends.onnxruntime",
        *(
            name.removesuffix(".py").replace("/", ".")
            for name in OPTIONAL
            if "/live_page/" not in name
        ),
    )
    for file in modules("runtime"):
        if file.parent.name == "backends":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [part.name for part in node.names]
            assert not set(names) & set(leaves), file


def test_importing_the_runtime_loads_no_interpreter() -> None:
    heavy = ", ".join(
        repr(name)
        for name in sorted(
            INTERPRETERS | {"matplotlib", "onnx", "train", "export", "linuxpy", "av"}
        )
    )
    code = (
        "import sys, runtime, runtime.__main__, runtime.cli.console_script; "
        f"print([name for name in ({heavy}) if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
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
