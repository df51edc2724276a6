"""runtime.sources.picamera against the source of picamera2 as PyPI has it: parsed and not run, since it needs libcamera.

The calls that are made here exist there with those parameters; and the double of tests/runtime/test_sources_picamera.py, against which
the rest is tested, promises nothing that is not there.
"""

import ast
import inspect
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = "0.3.38"
OURS = ROOT / "runtime/sources/picamera.py"
DOUBLE = ROOT / "tests/runtime/test_sources_picamera.py"
Methods = dict[str, inspect.Signature]


@pytest.fixture(scope="session")
def wheel() -> zipfile.ZipFile:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quince"
    name = f"picamera2-{VERSION}-py3-none-any.whl"
    if not (cache / name).exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), f"picamera2=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"picamera2 {VERSION} cannot be downloaded: {done.stderr[-200:]}")
    with zipfile.ZipFile(cache / name) as opened:
        yield opened


def methods(source: str, name: str) -> Methods:
    """The signatures of a class, without its code: decorators and annotations fall away, defaults become None."""
    (found,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name)
    signatures: Methods = {}
    for node in found.body:
        if isinstance(node, ast.FunctionDef) and not any(getattr(one, "id", "") == "overload" for one in node.decorator_list):
            static = any(getattr(one, "id", "") == "staticmethod" for one in node.decorator_list)
            names = [one.arg for one in node.args.args][0 if static else 1 :]
            optional = len(node.args.defaults)
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            signatures[node.name] = inspect.Signature(
                [
                    inspect.Parameter(one, kind, default=None if place >= len(names) - optional else inspect.Parameter.empty)
                    for place, one in enumerate(names)
                ]
            )
    return signatures


def calls() -> list[tuple[str, int, list[str]]]:
    """What our module calls: the name, how many arguments by place, and those by name."""
    made = []
    for node in ast.walk(ast.parse(OURS.read_text())):
        if isinstance(node, ast.Call):
            names = [str(one.arg) for one in node.keywords]
            if isinstance(node.func, ast.Name) and node.func.id == "Picamera2":
                made.append(("__init__", len(node.args), names))
            elif isinstance(node.func, ast.Attribute) and (
                getattr(node.func.value, "id", "") in ("camera", "Picamera2") or node.func.attr == "get_result"
            ):
                made.append((node.func.attr, len(node.args), names))
    return made


@pytest.fixture(scope="session")
def real(wheel: zipfile.ZipFile) -> Methods:
    source, job = (wheel.read(f"picamera2/{name}.py").decode() for name in ("picamera2", "job"))
    return methods(source, "Picamera2") | {"get_result": methods(job, "Job")["get_result"]}


def test_every_call_of_ours_is_one_of_picamera2s(real: Methods) -> None:
    made = calls()
    expected = {"__init__", "global_camera_info", "create_video_configuration", "configure", "start", "capture_image", "get_result"}
    assert {name for name, _, _ in made} == expected
    for name, places, names in made:
        real[name].bind(*range(places), **dict.fromkeys(names))


def test_the_double_promises_nothing_that_is_not_there(real: Methods) -> None:
    double = methods(DOUBLE.read_text(), "Picamera2") | {"get_result": methods(DOUBLE.read_text(), "Job")["get_result"]}
    for name, signature in double.items():
        assert set(signature.parameters) <= set(real[name].parameters), name


def test_its_rgb888_is_read_as_bgr(wheel: zipfile.ZipFile) -> None:
    tables = [
        node.value
        for node in ast.walk(ast.parse(wheel.read("picamera2/request.py")))
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "mode_lookup"
    ]
    assert ast.literal_eval(tables[0])["RGB888"] == "BGR"


def test_a_busy_camera_is_told_by_the_cause(wheel: zipfile.ZipFile) -> None:
    source = wheel.read("picamera2/picamera2.py").decode()
    raised = [ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Raise)]
    assert "raise RuntimeError('Camera __init__ sequence did not complete.') from e" in raised
