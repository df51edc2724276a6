"""Tests whether a model file runs here, and the names of missing operators."""

import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import Builder

from runtime.commands import doctor
from runtime.commands.doctor.models import examine_model
from runtime.errors import InputRefused
from runtime.system.hashing import sha256_of

TINY = Path(str(doctor.__file__)).parent / "tiny.tflite"
CUSTOM, FULLY_CONNECTED = 32, 9


def changed_operator(change: Callable[[object], None]) -> bytes:
    """Returns the tiny network with a changed operator code of its fully connected layer."""
    model = schema.ModelT.InitFromPackedBuf(TINY.read_bytes(), 0)
    change(next(code for code in model.operatorCodes if code.builtinCode == FULLY_CONNECTED))
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def newer(code) -> None:
    code.version = 99


def custom(code) -> None:
    code.builtinCode, code.deprecatedBuiltinCode, code.customCode = CUSTOM, CUSTOM, "MyOwnOp"


@pytest.mark.parametrize(
    ("change", "found", "do"),
    [
        (
            newer,
            "needs the operator FULLY_CONNECTED in version 99",
            "--target tflite-runtime==2.14",
        ),
        (custom, "needs the custom operator MyOwnOp", "export"),
    ],
)
def test_operator_that_the_interpreter_lacks_is_named(
    tmp_path: Path, change: Callable[[object], None], found: str, do: str
) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(changed_operator(change))
    (finding,), runs = examine_model(file)
    assert (finding.level, runs) == ("problem", False)
    assert finding.found.startswith(f"model.tflite {found}")
    assert do in finding.do


def test_opset_that_is_too_new_is_named(onnx_model, tmp_path: Path) -> None:
    model = onnx.load(onnx_model())
    model.opset_import[0].version = 99
    onnx.save(model, tmp_path / "new.onnx")
    (finding,), runs = examine_model(tmp_path / "new.onnx")
    assert (finding.level, runs) == ("problem", False)
    assert "newer operators" in finding.found
    assert "--upgrade onnxruntime" in finding.do


def test_model_that_runs_is_ok(onnx_model) -> None:
    for file in (TINY, onnx_model()):
        (finding,), runs = examine_model(file)
        assert (finding.level, runs) == ("ok", True)
        assert f"{file.name} runs here" in finding.found


def test_every_model_file_of_a_bundle_is_tried(make_bundle, edit_json) -> None:
    bundle = make_bundle("two")
    shutil.copy(bundle / "small.onnx", bundle / "broken.onnx")
    broken = {"file": "broken.onnx", "format": "onnx", "precision": "fp32", "sha256": "0" * 64}
    edit_json(bundle / "manifest.json", lambda data: data["artifacts"].append(broken))
    findings, runs = examine_model(bundle)
    assert [finding.level for finding in findings] == ["ok", "problem"]
    assert runs, "one that runs is enough"
    assert "sha256" in findings[1].found


def test_path_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    for path in (tmp_path, tmp_path / "a.txt", tmp_path / "missing.onnx"):
        with pytest.raises(InputRefused):
            examine_model(path)


def test_missing_interpreter_is_a_note_if_another_file_runs(
    make_bundle, edit_json, run_cli, bare_python
) -> None:
    """The documented device setup has LiteRT for the int8 file, and a bundle with an .onnx too."""
    bundle = make_bundle("two")
    shutil.copy(TINY, bundle)
    tiny = {
        "file": TINY.name,
        "format": "tflite",
        "precision": "int8",
        "sha256": sha256_of(TINY.read_bytes()),
    }
    edit_json(bundle / "manifest.json", lambda data: data["artifacts"].append(tiny))
    python = bare_python("numpy", "pillow", "ai-edge-litert")
    done = run_cli("runtime", "doctor", bundle, python=python)
    assert (done.returncode, done.stderr) == (0, "")
    note = "note    model: small.onnx needs the package 'onnxruntime'; "
    assert f"{note}another file of the bundle runs here\n" in done.stdout
    assert "problem model" not in done.stdout
    edit_json(bundle / "manifest.json", lambda data: data["artifacts"][1].update(sha256="0" * 64))
    done = run_cli("runtime", "doctor", bundle, python=python)
    assert done.returncode == 4
    assert "problem model: small.onnx needs the package 'onnxruntime'\n" in done.stdout
