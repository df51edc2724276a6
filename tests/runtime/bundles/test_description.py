"""Tests the description of a bundle, a model file and an external model, and `info`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.bundles.description import TensorDescription, describe_model
from runtime.cli.output import JSON_SCHEMA
from runtime.commands import doctor
from runtime.errors import InputRefused

MakeBundle = Callable[..., Path]
TINY = Path(str(doctor.__file__)).parent / "tiny.tflite"
REPORT = {
    "images": 200,
    "agreement": 0.985,
    "reference_accuracy": 0.9,
    "candidate_accuracy": 0.88,
    "drop": 0.02,
    "drop_low": -0.01,
    "drop_high": 0.05,
}


@pytest.fixture
def fruit(make_bundle: MakeBundle) -> Path:
    bundle = make_bundle("fruit", provenance={"exported": "2026-02-01T12:00:00Z"})
    (bundle / "parity.json").write_text(
        json.dumps({"schema": 2, "artifacts": {"small.onnx": {"parity": REPORT}}})
    )
    return bundle


def test_bundle_is_described_with_what_export_measured(fruit: Path) -> None:
    description = describe_model(fruit)
    assert (description.model_kind, description.bundle_id) == ("bundle", Bundle.open(fruit).id)
    assert (description.labels, description.lacking) == (
        ("red", "green", "blue"),
        "",
    )
    assert (description.height, description.width, description.fit) == (8, 8, "crop")
    (model,) = description.artifacts
    assert model.input == TensorDescription("uint8", (1, 8, 8, 3), None, None)
    assert model.output is not None
    assert model.output.dtype == "float32"
    assert model.measured == REPORT
    assert model.size_bytes == (fruit / "small.onnx").stat().st_size


def test_in_words_and_as_json(fruit: Path, run_cli) -> None:
    done = run_cli("runtime", "info", fruit)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        f"bundle 'small', id {Bundle.open(fruit).id}",
        "labels (3): red, green, blue",
        "exported: 2026-02-01T12:00:00Z",
        "small.onnx: onnx fp32",
        "input uint8 (1, 8, 8, 3) -> output float32",
        "accuracy 0.8800, the model before export 0.9000, drop +0.0200 "
        "(95 % interval -0.0100 to +0.0500), same top-1 0.9850 on 200 images",
    ):
        assert words in done.stdout
    record = json.loads(run_cli("runtime", "info", fruit, "--json").stdout)
    assert record["schema"] == JSON_SCHEMA
    assert record["artifacts"][0]["input"] == {
        "dtype": "uint8",
        "shape": [1, 8, 8, 3],
        "scale": None,
        "zero_point": None,
    }


def test_model_file_alone_says_what_its_manifest_says(fruit: Path) -> None:
    description = describe_model(fruit / "small.onnx")
    assert (description.model_kind, description.labels, description.artifacts[0].measured) == (
        "model file",
        ("red", "green", "blue"),
        {},
    )


def test_quantized_model_shows_scale_and_zero_point_and_what_it_lacks() -> None:
    description = describe_model(TINY)
    assert description.model_kind == "external model file"
    assert "--labels" in description.lacking
    (model,) = description.artifacts
    assert model.input is not None
    assert model.output is not None
    assert model.input.scale == pytest.approx(1 / 255)
    assert (model.input.dtype, model.input.zero_point, model.output.scale) == ("uint8", 0, 1 / 256)


def test_external_model_with_labels_lacks_nothing(tmp_path: Path, run_cli) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    done = run_cli(
        "runtime", "info", TINY, "--labels", tmp_path / "labels.txt", "--scores", "probabilities"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "labels (3): a, b, c" in done.stdout
    assert "cannot be used" not in done.stdout


def test_interpreter_that_is_not_here_leaves_only_input_and_output_unknown(
    fruit: Path, run_cli, bare_python
) -> None:
    done = run_cli("runtime", "info", fruit, python=bare_python("numpy", "pillow"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "input and output are unknown: needs the package 'onnxruntime'" in done.stdout
    assert "labels (3)" in done.stdout


def test_hostile_names_are_escaped(make_bundle: MakeBundle, run_cli) -> None:
    bundle = make_bundle(
        "fruit", labels=("a\x1b[31m", "b\nc", "<b>"), provenance={"x\n": "\x1b[2J"}
    )
    done = run_cli("runtime", "info", bundle)
    assert (done.returncode, "\x1b" in done.stdout) == (0, False)
    assert r"a\x1b[31m, b\nc, <b>" in done.stdout


def test_damaged_or_other_things_are_refused(fruit: Path, tmp_path: Path, edit_json) -> None:
    (fruit / "parity.json").write_text('{"artifacts": {"small.onnx": {"parity": {"drop": "x"}}}}')
    with pytest.raises(InputRefused, match=r"parity\.json"):
        describe_model(fruit)
    (fruit / "parity.json").unlink()
    assert describe_model(fruit).artifacts[0].measured == {}
    (fruit / "small.onnx").write_bytes(b"x")
    with pytest.raises(InputRefused, match="sha256"):
        describe_model(fruit)
    for path in (tmp_path, tmp_path / "missing.onnx"):
        with pytest.raises(InputRefused):
            describe_model(path)


def test_run_folder_says_where_the_models_are(fruit: Path, edit_json) -> None:
    edit_json(
        fruit / "manifest.json",
        lambda data: data["artifacts"][0].update(file="model.keras", format="keras"),
    )
    with pytest.raises(InputRefused, match="holds no exported model"):
        describe_model(fruit)


@pytest.mark.parametrize(
    "value", [10**400, float("nan"), 7, -1, True, "0.5", [1]], ids=lambda value: str(value)[:5]
)
@pytest.mark.parametrize("field", ["candidate_accuracy", "drop"])
def test_figure_that_is_none_is_refused_by_name(
    fruit: Path, edit_json, field: str, value: object
) -> None:
    edit_json(
        fruit / "parity.json",
        lambda data: data["artifacts"]["small.onnx"]["parity"].update({field: value}),
    )
    if (field, value) == ("drop", -1):
        assert describe_model(fruit).artifacts[0].measured["drop"] == -1
        return
    with pytest.raises(InputRefused, match=rf"parity\.json: .*{field}"):
        describe_model(fruit)


def test_manifest_nested_too_deep_is_one_line(fruit: Path, run_cli) -> None:
    manifest = fruit / "manifest.json"
    nested = "[" * 900 + "]" * 900
    manifest.write_text(manifest.read_text().replace('"2026-02-01T12:00:00Z"', nested))
    done = run_cli("runtime", "info", fruit)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "nested more than 100 deep" in done.stderr
