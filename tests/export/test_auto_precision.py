"""`--precision auto` makes its attempts in order and stops at the first that passes."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest
from keras import layers

from export.auto_precision import _AttemptedSpec, _best, _can_pass, _fastest, search_precision
from export.formats.artifact_spec import ArtifactSpec
from export.graph.surgery import copy_of, fold_batch_norms, rebuild
from export.inputs.keras_loader import load_flat_model
from export.inputs.trained_run import TrainedRun, open_run
from export.options import ExportOptions
from export.parity.artifact_record import Attempt
from export.parity.gate import ParityLimits
from export.publish import ConvertedArtifact
from export.report.attempts import attempt_name, attempts_table, compared_attempt
from runtime.classifier import Classifier
from runtime.models.manifest import Artifact
from runtime.system.hashing import sha256_of

OPTIONS = ExportOptions(
    limits=ParityLimits(max_drop=0.01, min_agreement=0.95), calibration_images=20
)


def save_into(run: Path, model: keras.Model) -> TrainedRun:
    model.save(run / "model.keras")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["artifacts"][0]["sha256"] = sha256_of((run / "model.keras").read_bytes())
    (run / "manifest.json").write_text(json.dumps(manifest))
    return open_run(run, None)


def not_equalizable(model: keras.Model) -> keras.Model:
    """Returns the same function with LeakyReLU layers, at which equalization stops."""

    def call(operation, *tensors, **arguments):
        if isinstance(operation, layers.ReLU):
            return layers.LeakyReLU(0.0, name=operation.name)(*tensors)
        return copy_of(operation, *tensors, **arguments)

    return rebuild(fold_batch_norms(model), call)


def test_a_network_made_to_break_int8_ends_in_equalized_int8_and_its_layers_are_named(
    run_copy: Path, widened
) -> None:
    run = save_into(run_copy, widened)
    seen: dict[int, Attempt] = {}
    done = search_precision(
        run, run.path / "bundle", OPTIONS, overwrite=False, on_attempt=seen.__setitem__
    )
    assert [attempt.name for attempt in done.attempts] == [
        "int8",
        "int8, percentile ranges",
        "int8, equalized",
    ]
    assert [attempt.outcome == "failed" for attempt in done.attempts] == [True, True, False]
    assert done.attempts[-1].drop <= 0.01
    assert "quantization damages layer 'conv" in " ".join(done.attempts[0].reasons)
    assert [(number, attempt.name) for number, attempt in seen.items()] == list(
        enumerate((attempt.name for attempt in done.attempts), start=1)
    )
    assert all(
        attempt.ms > 0 and attempt.threads and attempt.size_bytes for attempt in done.attempts
    )
    assert [artifact.file for artifact in Classifier(run.path / "bundle").manifest.artifacts] == [
        "model.int8.tflite"
    ]
    record = json.loads((run.path / "bundle" / "parity.json").read_text())["artifacts"][
        "model.int8.tflite"
    ]
    assert [attempt["name"] for attempt in record["ladder"]] == [
        attempt.name for attempt in done.attempts
    ]

    again = search_precision(run, run.path / "bundle", OPTIONS, overwrite=False)
    assert again.result.reused
    assert again.attempts == done.attempts


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_a_plain_export_makes_int8_again_where_the_gate_refuses_it(
    run_copy: Path, widened, run_cli, format_name: str
) -> None:
    run = save_into(run_copy, widened)
    limits = ("--max-drop", "0.01", "--min-agreement", "0.95")
    words = ("export", format_name, str(run.path), "--precision", "int8", *limits)
    words += ("--calibration-images", "20")
    done = run_cli(*words)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines() if "attempt" in line] == [
        "attempt 1, int8",
        "attempt 2, int8, percentile ranges",
        "attempt 3, int8, equalized",
    ]
    assert f"model.int8.{format_name}: " in done.stdout
    again = run_cli(*words)
    assert again.returncode == 0
    assert "already there" in again.stdout
    explicit = run_cli(*words, "--ranges", "minmax", "--overwrite")
    assert explicit.returncode == 3
    assert "attempt" not in explicit.stderr


def test_such_a_network_ends_in_equalized_int8_as_onnx_too(run_copy: Path, widened) -> None:
    run = save_into(run_copy, widened)
    done = search_precision(run, run.path / "bundle", OPTIONS, overwrite=False, format_name="onnx")
    int8, percentile, equalized = done.attempts
    assert int8.outcome == "failed"
    assert percentile.outcome == "not possible"
    assert "a tensor's values reach too far to be counted" in percentile.reasons[0]
    assert equalized.name == "int8, equalized"
    assert equalized.drop <= 0.01
    assert done.result.artifact == "model.int8.onnx"


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_speed_makes_larger_files_too_and_publishes_the_fastest(
    run_copy: Path, format_name: str
) -> None:
    run, bundle = open_run(run_copy, None), run_copy / "bundle"
    options = replace(OPTIONS, prefer="speed")
    done = search_precision(run, bundle, options, overwrite=False, format_name=format_name)
    names = [attempt.name for attempt in done.attempts]
    fallbacks = {"tflite": ["dynamic", "fp16", "fp32"], "onnx": ["dynamic", "fp32"]}
    assert names == ["int8", *fallbacks[format_name]]
    first, *others = [row for row in done.attempts if row.outcome == done.attempts[0].outcome]
    fastest = min(others, key=lambda row: row.ms)
    chosen = fastest if fastest.ms < 0.95 * first.ms else first
    assert done.result.artifact == chosen.artifact
    assert search_precision(
        run, bundle, options, overwrite=False, format_name=format_name
    ).result.reused


def attempted_spec(name: str, outcome: str, ms: float) -> tuple[_AttemptedSpec, Attempt]:
    """An attempt whose artifact has nothing but an outcome."""
    spec, record = ArtifactSpec("tflite", "int8"), SimpleNamespace(outcome=outcome)
    made = ConvertedArtifact(Artifact(f"{name}.tflite", "tflite", "int8", "0" * 64), b"", record)
    attempt = Attempt(name, name, outcome, (), ms=ms)
    return _AttemptedSpec(spec, attempt, made), attempt


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ([("a", "passed", 5.0), ("b", "passed", 4.0), ("c", "passed", 3.0)], 2),
        ([("a", "passed", 5.0), ("b", "passed", 4.9)], 0),
        ([("a", "passed", 5.0), ("b", "undecided", 1.0), ("c", "failed", 1.0)], 0),
        ([("a", "failed", 1.0), ("b", "passed", 5.0), ("c", "passed", 4.0)], 2),
    ],
)
def test_a_larger_file_must_pass_and_be_faster_by_more_than_noise(rows: list, chosen: int) -> None:
    attempted, attempts = zip(*(attempted_spec(*row) for row in rows), strict=True)
    assert _fastest(_best(attempted), attempted, attempts) is attempted[chosen].made


def test_the_worst_layers_are_left_in_float_one_after_another_where_nothing_else_helps(
    run_copy: Path, widen
) -> None:
    model = load_flat_model(run_copy / "model.keras")
    widen(model, 0)
    run = save_into(run_copy, not_equalizable(model))
    done = search_precision(run, run.path / "bundle", OPTIONS, overwrite=False)
    assert not done.result.refused
    mixed = [attempt for attempt in done.attempts if "in float" in attempt.name]
    assert mixed == list(done.attempts[3:])
    assert done.result.artifact == "model.mixed.tflite"
    assert [len(attempt.float_layers) for attempt in mixed] == list(range(1, len(mixed) + 1))
    assert "conv0" in mixed[-1].float_layers
    assert mixed[-1].drop <= 0.01
    assert Classifier(run.path / "bundle").file.name == "model.mixed.tflite", (
        "the runtime takes it by itself"
    )


def test_a_network_that_cannot_be_taken_apart_climbs_on_without_equalization(
    run_copy: Path, monkeypatch
) -> None:
    monkeypatch.setattr(
        "export.exporter.require_deciding", lambda *_: None
    )  # so that every attempt fails
    model = load_flat_model(run_copy / "model.keras")
    inputs, twice = keras.Input((64, 64, 3)), layers.Conv2D(3, 1, name="twice")
    x = twice(twice(layers.Rescaling(1 / 128, -127 / 128)(inputs)))
    after_input = keras.Model(model.layers[1].output, model.output)
    run = save_into(run_copy, keras.Model(inputs, after_input(x)))
    done = search_precision(
        run,
        run.path / "bundle",
        ExportOptions(
            limits=ParityLimits(max_drop=0, min_agreement=1, strict=True, allow_poor_model=True)
        ),
        overwrite=False,
    )
    equalized = done.attempts[2]
    assert (equalized.name, equalized.outcome, equalized.accuracy) == (
        "int8, equalized",
        "not possible",
        None,
    )
    assert "taken apart" in equalized.reasons[0]
    assert done.result.refused
    assert done.attempts[-1].name == "int16x8"


def test_the_table_names_every_attempt_with_its_reasons() -> None:
    attempts = (
        Attempt(
            "int8", "a", "failed", ("accuracy fell",), ("conv0",), 0.5, 0.5, 1_500_000, 1.26, 2
        ),
        Attempt("int8, equalized", "a", "not possible", ("cannot",)),
    )
    lines = attempts_table(attempts)
    assert lines[1].split() == ["int8", "0.5000", "+0.5000", "1.50", "1.3", "failed"]
    assert [line.strip() for line in lines[2:4]] == ["in float: conv0", "accuracy fell"]
    assert lines[4].split()[-2:] == ["not", "possible"]
    assert "2" in lines[-1]
    assert len({len(line) for line in (lines[0], lines[1], lines[4])}) == 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            ArtifactSpec("tflite", "int8", ranges="percentile", equalized=True),
            "int8, percentile ranges, equalized",
        ),
        (ArtifactSpec("tflite", "mixed", float_layers=("a", "b")), "int8, 2 layers in float"),
        (ArtifactSpec("tflite", "int8", qat=True), "int8, fine-tuned"),
    ],
)
def test_an_attempt_is_described(spec: ArtifactSpec, words: str) -> None:
    assert attempt_name(spec) == words


@pytest.mark.parametrize(
    ("outcomes", "chosen"),
    [
        (("failed", "undecided", "passed"), 2),
        (("failed", "undecided", "failed", "undecided"), 1),
        (("failed", "failed"), 1),
    ],
)
def test_what_passes_is_preferred_to_what_is_undecided(
    records, outcomes: tuple[str, ...], chosen: int
) -> None:
    record = records["model.int8.tflite"]
    attempted = []
    for number, outcome in enumerate(outcomes):
        spec = ArtifactSpec("tflite", "int8")
        row = Artifact(f"model.{number}.tflite", "tflite", "int8", 64 * "0")
        made = ConvertedArtifact(row, b"", replace(record, outcome=outcome))
        attempted.append(_AttemptedSpec(spec, compared_attempt(made.record), made))
    assert _best(attempted).row.file == f"model.{chosen}.tflite"


def test_an_undecided_file_ends_the_search_only_where_none_can_pass() -> None:
    assert not _can_pass(ParityLimits(max_drop=0.01), 193)
    assert _can_pass(ParityLimits(max_drop=0.01), 194)
    assert not _can_pass(ParityLimits(max_drop=0), 10**6)
