"""Tests that imports point down and that folders stay small, by parsing the modules."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

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
    "runtime": "arrays, errors < answer, system, file_formats < cli, images, backends"
    " < models, sources"
    " < bundles"
    " < classifier < explanation, inbox < deployment, shared, monitor < commands",
    "workstation": "similarity, keras_setup, keras_classes, page_template, plotting,"
    " zip_archive < keras_config"
    " < keras_archive"
    " < keras_loading, keras_saving, run_folder",
    "export": "graph, emulation < inputs, formats < parity < quantization"
    " < report, options < publish < adoption, hub, session"
    " < onnx_session, baseline_check, against, model_files < conversion"
    " < exporter < auto_precision < commands",
    "train": "backbones, checkpoints, sample_datasets < configuration, distribution < data"
    " < growth, fitting, evaluation < report, selection, tuning"
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
    "runtime/monitor/label_page/routes.py": {"tornado"},
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
    "benchmarks/peers/adapters/plain_onnx.py": {"onnxruntime"},
    "benchmarks/peers/adapters/openvino.py": {"openvino"},
    "benchmarks/peers/adapters/opencv_dnn.py": {"cv2"},
    "benchmarks/peers/adapters/ncnn.py": {"ncnn"},
    "benchmarks/peers/adapters/executorch.py": {"executorch", "torch"},
    "benchmarks/peers/adapters/models/executorch.py": {"executorch", "onnx", "onnx2torch", "torch"},
    "benchmarks/peers/adapters/models/ncnn.py": {"onnx"},
    "benchmarks/peers/adapters/models/ultralytics.py": {"torch", "ultralytics"},
}
"""Packages that single leaves may import. Only runtime.system.lazy_loading loads these leaves."""
INTERPRETERS = {"ai_edge_litert", "tflite_runtime", "onnxruntime", "tensorflow", "keras"}


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
        *(name.removesuffix(".py").replace("/", ".") for name in OPTIONAL if "_page/" not in name),
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
        "import sys, runtime, runtime.commands.table, runtime.cli.console_script; "
        f"print([name for name in ({heavy}) if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
