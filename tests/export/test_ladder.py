"""The ladder: what each rung is, that it stops at the first that passes, and that the table tells it all."""

import json
from pathlib import Path

import keras
import pytest
from keras import layers

from export.gate import Limits
from export.keras_model import load
from export.kind import Kind
from export.ladder import climb
from export.network import copy_of, fold_batch_norms, rebuild
from export.run import ExportOptions
from export.rung import Rung, describe, table
from runtime.classifier import Classifier
from runtime.digest import digest

LIMITS = Limits(max_drop=0.01, min_agreement=0.95)


def save_into(run: Path, model: keras.Model) -> Path:
    model.save(run / "model.keras")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["artifacts"][0]["sha256"] = digest((run / "model.keras").read_bytes())
    (run / "manifest.json").write_text(json.dumps(manifest))
    return run


def not_equalizable(model: keras.Model) -> keras.Model:
    """The same function, with a layer between the convolutions that equalization does not look through."""

    def call(operation, *tensors, **arguments):
        if isinstance(operation, layers.ReLU):
            return layers.LeakyReLU(0.0, name=operation.name)(*tensors)
        return copy_of(operation, *tensors, **arguments)

    return rebuild(fold_batch_norms(model), call)


def test_a_network_made_to_break_int8_ends_in_equalized_int8_and_its_layers_are_named(run_copy: Path, widened, capsys) -> None:
    run = save_into(run_copy, widened)
    done = climb(run, run / "bundle", ExportOptions(limits=LIMITS), data=None, overwrite=False)
    assert [rung.name for rung in done.rungs] == ["int8", "int8, percentile ranges", "int8, equalized"]
    assert [rung.outcome == "failed" for rung in done.rungs] == [True, True, False]
    assert abs(done.rungs[-1].drop) <= 0.01
    assert "quantization hurts layer 'conv" in " ".join(done.rungs[0].reasons)
    assert "rung 1, int8: failed" in capsys.readouterr().err
    assert all(rung.ms > 0 and rung.threads and rung.bytes for rung in done.rungs)
    assert [artifact.file for artifact in Classifier(run / "bundle").manifest.artifacts] == ["model.int8.tflite"]
    record = json.loads((run / "bundle" / "parity.json").read_text())["artifacts"]["model.int8.tflite"]
    assert [rung["name"] for rung in record["ladder"]] == [rung.name for rung in done.rungs]

    again = climb(run, run / "bundle", ExportOptions(limits=LIMITS), data=None, overwrite=False)
    assert again.result.reused
    assert again.rungs == done.rungs


def test_the_worst_layers_are_left_in_float_one_after_another_where_nothing_else_helps(run_copy: Path, widen) -> None:
    model = load(run_copy / "model.keras")
    widen(model, 0)
    run = save_into(run_copy, not_equalizable(model))
    done = climb(run, run / "bundle", ExportOptions(limits=LIMITS), data=None, overwrite=False)
    assert not done.result.refused
    mixed = [rung for rung in done.rungs if "in float" in rung.name]
    assert mixed == list(done.rungs[3:])
    assert done.result.artifact == "model.mixed.tflite"
    assert [len(rung.float_layers) for rung in mixed] == list(range(1, len(mixed) + 1))
    assert "conv0" in mixed[-1].float_layers
    assert abs(mixed[-1].drop) <= 0.01
    assert Classifier(run / "bundle").file.name == "model.mixed.tflite", "the runtime takes it by itself"


def test_a_network_that_cannot_be_taken_apart_climbs_on_without_equalization(run_copy: Path, monkeypatch) -> None:
    monkeypatch.setattr("export.run.require_deciding", lambda *_: None)  # so that every rung fails
    model = load(run_copy / "model.keras")
    inputs, twice = keras.Input((64, 64, 3)), layers.Conv2D(3, 1, name="twice")
    x = twice(twice(layers.Rescaling(1 / 128, -127 / 128)(inputs)))
    rest = keras.Model(model.layers[1].output, model.output)
    run = save_into(run_copy, keras.Model(inputs, rest(x)))
    done = climb(run, run / "bundle", ExportOptions(limits=Limits(max_drop=0, min_agreement=1, strict=True)), data=None, overwrite=False)
    equalized = done.rungs[2]
    assert (equalized.name, equalized.outcome, equalized.accuracy) == ("int8, equalized", "not possible", None)
    assert "taken apart" in equalized.reasons[0]
    assert done.result.refused
    assert done.rungs[-1].name == "fp32"


def test_the_table_names_every_rung_with_its_reasons() -> None:
    rungs = (
        Rung("int8", "a", "failed", ("accuracy fell",), ("conv0",), 0.5, 0.5, 1_500_000, 1.26, 2),
        Rung("int8, equalized", "a", "not possible", ("cannot",)),
    )
    lines = table(rungs)
    assert lines[1].split() == ["int8", "0.5000", "+0.5000", "1.50", "1.3", "failed"]
    assert [line.strip() for line in lines[2:4]] == ["in float: conv0", "accuracy fell"]
    assert lines[4].split()[-2:] == ["not", "possible"]
    assert "2" in lines[-1]
    assert len({len(line) for line in (lines[0], lines[1], lines[4])}) == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind("tflite", "int8", ranges="percentile", equalized=True), "int8, percentile ranges, equalized"),
        (Kind("tflite", "mixed", float_layers=("a", "b")), "int8, 2 layers in float"),
        (Kind("tflite", "int8", qat=True), "int8, fine-tuned"),
    ],
)
def test_a_rung_is_described(kind: Kind, words: str) -> None:
    assert describe(kind) == words
