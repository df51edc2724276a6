"""Compares runtime.sources.picamera2 with the source of picamera2 from PyPI.

The source is parsed and not run, because it needs libcamera. It must have the calls of our module
with their parameters, and everything that the double in tests/runtime/sources/test_picamera2.py
has.
"""

import ast
import inspect
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VERSION = "0.3.38"
MODULE = ROOT / "runtime/sources/picamera2.py"
DOUBLE = ROOT / "tests/runtime/sources/test_picamera2.py"
Methods = dict[str, inspect.Signature]


@pytest.fixture(scope="session")
def wheel() -> zipfile.ZipFile:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quince"
    name = f"picamera2-{VERSION}-py3-none-any.whl"
    if not (cache / name).exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--dest", str(cache), f"picamera2=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"picamera2 {VERSION} cannot be downloaded: {done.stderr[-200:]}")
    with zipfile.ZipFile(cache / name) as archive:
        yield archive


def methods(source: str, name: str) -> Methods:
    """Returns the signatures of a class without annotations; every default becomes None."""
    (class_node,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == name
    )
    signatures: Methods = {}
    for node in class_node.body:
        if isinstance(node, ast.FunctionDef):
            decorators = [getattr(decorator, "id", "") for decorator in node.decorator_list]
            if "overload" not in decorators:
                signatures[node.name] = _signature(node, "staticmethod" in decorators)
    return signatures


def _signature(node: ast.FunctionDef, is_static: bool) -> inspect.Signature:
    names = [argument.arg for argument in node.args.args]
    if not is_static:
        names = names[1:]
    required = len(names) - len(node.args.defaults)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [inspect.Parameter(name, kind) for name in names[:required]]
        + [inspect.Parameter(name, kind, default=None) for name in names[required:]]
    )


def calls() -> list[tuple[str, int, list[str]]]:
    """Returns our calls: name, number of positional arguments, and names of the others."""
    found = []
    for node in ast.walk(ast.parse(MODULE.read_text())):
        if isinstance(node, ast.Call):
            names = [str(keyword.arg) for keyword in node.keywords]
            if isinstance(node.func, ast.Name) and node.func.id == "Picamera2":
                found.append(("__init__", len(node.args), names))
            elif isinstance(node.func, ast.Attribute) and (
                getattr(node.func.value, "id", "") in ("camera", "Picamera2")
                or node.func.attr == "get_result"
            ):
                found.append((node.func.attr, len(node.args), names))
    return found


@pytest.fixture(scope="session")
def real(wheel: zipfile.ZipFile) -> Methods:
    source, job = (wheel.read(f"picamera2/{name}.py").decode() for name in ("picamera2", "job"))
    return methods(source, "Picamera2") | {"get_result": methods(job, "Job")["get_result"]}


def test_picamera2_has_every_call_of_ours(real: Methods) -> None:
    our_calls = calls()
    expected = {
        "__init__",
        "global_camera_info",
        "create_video_configuration",
        "configure",
        "start",
        "capture_image",
        "get_result",
    }
    assert {name for name, _, _ in our_calls} == expected
    for name, positional, names in our_calls:
        real[name].bind(*range(positional), **dict.fromkeys(names))


def test_picamera2_has_everything_of_the_double(real: Methods) -> None:
    double = methods(DOUBLE.read_text(), "Picamera2") | {
        "get_result": methods(DOUBLE.read_text(), "Job")["get_result"]
    }
    for name, signature in double.items():
        assert set(signature.parameters) <= set(real[name].parameters), name


def test_rgb888_of_picamera2_is_bgr(wheel: zipfile.ZipFile) -> None:
    tables = [
        node.value
        for node in ast.walk(ast.parse(wheel.read("picamera2/request.py")))
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "mode_lookup"
    ]
    assert ast.literal_eval(tables[0])["RGB888"] == "BGR"


def test_cause_of_the_error_describes_a_busy_camera(wheel: zipfile.ZipFile) -> None:
    source = wheel.read("picamera2/picamera2.py").decode()
    raised = [
        ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Raise)
    ]
    assert "raise RuntimeError('Camera __init__ sequence did not complete.') from e" in raised
