"""`python -m export all` writes every format in every precision, the same bytes every time."""

import json
import os
from pathlib import Path

import pytest
from warm_python import WarmPython

from export.exporter import EVERY_PRECISION
from runtime.commands.predict import main as predict

LOOSE = ("--max-drop", "0.2", "--min-agreement", "0.8")
FILES = {
    f"model.{precision}.tflite" for precision in ("int8", "fp32", "fp16", "dynamic", "int16x8")
} | {f"model.{precision}.onnx" for precision in ("fp32", "int8", "fp16", "dynamic")}


@pytest.fixture(scope="module")
def everything(trained: Path, run_cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("all") / "bundle"
    done = run_cli("export", "all", trained, "-o", bundle, *LOOSE)
    assert done.returncode == 0, done.stderr
    headings, *rows = done.stdout.splitlines()
    assert headings.split()[:5] == ["file", "outcome", "MB", "time", "accuracy"]
    assert {row.split()[0] for row in rows} == FILES
    assert all(" ms " in row and len(row) <= 80 for row in rows)
    return bundle


def test_every_file_is_there_and_verifies(everything: Path, run_cli) -> None:
    assert {spec.file for spec in EVERY_PRECISION} == FILES
    assert {path.name for path in everything.iterdir()} >= FILES
    done = run_cli("runtime", "verify", everything)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("as exported") == len(FILES)


def test_records_have_a_latency_and_the_calibration_set_of_the_integer_ones(
    everything: Path,
) -> None:
    records = json.loads((everything / "parity.json").read_text())["artifacts"]
    assert all(
        0 < record["latency"]["p50_ms"] < 10_000 and record["latency"]["calls"]
        for record in records.values()
    )
    ((key, one),) = json.loads((everything / "calibration.json").read_text())["sets"].items()
    assert set(one["artifacts"]) == {
        file for file, record in records.items() if record["calibration_id"] == key
    }
    assert set(one["artifacts"]) == {"model.int8.tflite", "model.int16x8.tflite", "model.int8.onnx"}
    assert records["model.int8.tflite"]["layers"]


def test_every_file_alone_names_an_image(
    everything: Path, cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = sorted((cells / "poly").iterdir())[0]
    for file in sorted(FILES):
        assert predict([str(everything / file), str(image), "--top", "2", "--json"]) == 0
        predictions = json.loads(capsys.readouterr().out)["predictions"]
        assert sum(prediction["score"] for prediction in predictions) == pytest.approx(1, abs=0.02)


def test_second_process_writes_the_same_bytes(
    everything: Path, trained: Path, run_cli, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    variables = {"PYTHONHASHSEED": "123", "SOURCE_DATE_EPOCH": "0"}
    done = run_cli("export", "all", trained, "-o", again, *LOOSE, env=variables)
    assert done.returncode == 0, done.stderr
    different = [
        file
        for file in sorted(FILES)
        if (again / file).read_bytes() != (everything / file).read_bytes()
    ]
    assert different == []


def test_two_exports_at_once_to_one_place_lose_nothing(
    trained: Path, warm_python: WarmPython, tmp_path: Path
) -> None:
    """FAULTS E15."""
    bundle = tmp_path / "bundle"
    both = [
        warm_python.start(
            ["export", spec, str(trained), "-o", str(bundle), *LOOSE],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        for spec in ("tflite", "onnx")
    ]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    files = {
        artifact["file"]
        for artifact in json.loads((bundle / "manifest.json").read_text())["artifacts"]
    }
    assert files == {"model.int8.tflite", "model.fp32.onnx"}


def test_one_refused_precision_does_not_hold_up_the_others(
    trained: Path, run_cli, tmp_path: Path
) -> None:
    """No image may change its label, which int8 of such a small network does not achieve."""
    bundle = tmp_path / "bundle"
    done = run_cli(
        "export", "all", trained, "-o", bundle, "--max-drop", "1", "--min-agreement", "1"
    )
    published = {line.split()[0] for line in done.stdout.splitlines()[1:]}
    refused = FILES - published
    assert "model.fp32.tflite" in published
    assert done.returncode == (3 if refused else 0)
    for file in refused:
        assert f"{file}: only" in done.stderr
        assert not (bundle / file).exists()
        assert (tmp_path / f"bundle.refused.{file}.html").exists()


def test_too_few_images_are_undecided_and_with_strict_refused(
    trained: Path, run_cli, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    strict = run_cli("export", "onnx", trained, "-o", bundle, "--strict")
    assert (strict.returncode, strict.stdout) == (3, "")
    assert "for testing: too few to decide" in strict.stderr
    assert not bundle.exists()
    loose = run_cli("export", "onnx", trained, "-o", bundle)
    assert loose.returncode == 0
    assert "UNDECIDED" in loose.stdout
    assert "for testing: too few to decide" in loose.stderr
    assert (bundle / "model.fp32.onnx").exists()
