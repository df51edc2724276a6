"""Tests that a bundle and its model files alone agree, and that mismatches are refused."""

import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime import Bundle, Classifier, Prediction
from runtime.answer import rank
from runtime.errors import CheckFailed, ImageRefused, InputRefused
from runtime.images.preprocessing import preprocess
from runtime.system.cgroups import allowed_cores

MODELS = ["model.int8.tflite", "model.fp32.onnx"]
Edit = Callable[[Path, Callable[[dict], object]], None]
MakeModel = Callable[..., Path]


@pytest.mark.parametrize("file", MODELS)
def test_model_file_alone_answers_as_the_bundle_does(
    exported: Path, photo: Path, tmp_path: Path, file: str
) -> None:
    shutil.copy(exported / file, tmp_path)
    alone, whole = Classifier(tmp_path / file), Classifier(exported, artifact=file)
    assert alone.labels == whole.labels == ("mono", "poly")
    assert alone.preprocessing == whole.preprocessing
    assert alone.classify(photo) == whole.classify(photo)


def test_both_formats_give_nearly_the_same_scores(exported: Path, photo: Path) -> None:
    one, other = (Classifier(exported / file).classify(photo) for file in MODELS)
    assert [a.label for a in one] == [b.label for b in other]
    assert one[0].score == pytest.approx(other[0].score, abs=0.03)
    assert sum(part.score for part in other) == pytest.approx(1, abs=1e-5)


def test_classify_takes_path_text_content_and_image(exported: Path, photo: Path) -> None:
    classifier = Classifier(str(exported))
    answers = {
        classifier.classify(form)
        for form in (photo, str(photo), photo.read_bytes(), Image.open(photo))
    }
    assert len(answers) == 1


def test_colours_reach_the_model_as_rgb(onnx_model: MakeModel) -> None:
    classifier = Classifier(onnx_model())
    image = Image.new("RGB", (30, 20), (255, 51, 0))
    assert classifier.classify(image) == (
        Prediction("red", pytest.approx(1)),
        Prediction("green", pytest.approx(0.2)),
        Prediction("blue", 0),
    )


def test_top_is_how_many_and_never_more_than_there_are(onnx_model: MakeModel) -> None:
    classifier = Classifier(onnx_model())
    assert [len(classifier.classify(Image.new("RGB", (8, 8)), top)) for top in (1, 2, 3, 50)] == [
        1,
        2,
        3,
        3,
    ]


@pytest.mark.parametrize("file", MODELS)
def test_threads_that_share_a_classifier_get_their_own_answers(
    exported: Path, cells: Path, file: str
) -> None:
    classifier = Classifier(exported / file, threads=1)
    images = [
        preprocess(path, classifier.preprocessing) for path in sorted(cells.rglob("*.png"))[:60]
    ]
    wanted = [classifier.scores(pixels).tolist() for pixels in images]
    with ThreadPoolExecutor(4) as pool:
        assert [scores.tolist() for scores in pool.map(classifier.scores, images)] == wanted


def test_streams_are_the_threads_that_are_allowed_and_one_without_throughput(
    exported: Path,
) -> None:
    assert Classifier(exported).streams == 1
    assert Classifier(exported, throughput=True).streams == allowed_cores()
    assert Classifier(exported, throughput=True, threads=1).streams == 1


def test_large_model_has_one_interpreter_even_for_throughput(
    exported: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.classifier.MAX_SHARED_BYTES", 1000)
    classifier = Classifier(exported, throughput=True)
    assert (classifier.streams, classifier.threads) == (1, allowed_cores())
    assert classifier.classify(photo) == Classifier(exported).classify(photo)


def test_bundle_prefers_int8_tflite_to_other_artifacts_unless_one_is_chosen(exported: Path) -> None:
    assert Classifier(exported).file == exported / "model.int8.tflite"
    assert Classifier(exported, artifact="model.fp32.onnx").file == exported / "model.fp32.onnx"
    with pytest.raises(
        InputRefused,
        match=r"model\.fp32\.onxx: no such artifact; .*did you mean 'model\.fp32\.onnx'",
    ):
        Classifier(exported, artifact="model.fp32.onxx")


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_score_that_is_no_number_is_an_error_and_not_a_class(
    onnx_model: MakeModel, factor: float
) -> None:
    classifier = Classifier(onnx_model(factor=factor))
    with pytest.raises(CheckFailed, match=r"small\.onnx: the model answered NaN or infinity"):
        classifier.classify(Image.new("RGB", (8, 8), "white"))


@pytest.mark.parametrize("labels", [("red", "green"), ("red", "green", "blue", "grey")])
def test_count_of_labels_is_compared_with_the_outputs_of_a_model_file(
    onnx_model: MakeModel, labels: tuple[str, ...]
) -> None:
    with pytest.raises(
        InputRefused, match=f"has 3 outputs, but its manifest has {len(labels)} labels"
    ):
        Classifier(onnx_model(labels=labels))


@pytest.mark.parametrize("file", MODELS)
@pytest.mark.parametrize("labels", [["a", "b", "c"], [f"class {n}" for n in range(1000)]], ids=len)
def test_count_of_labels_is_compared_with_the_outputs_of_a_bundle(
    bundle: Path, edit_json: Edit, file: str, labels: list[str]
) -> None:
    edit_json(bundle / "manifest.json", lambda data: data.update(labels=labels))
    with pytest.raises(
        InputRefused, match=f"{file}: has 2 outputs, but its manifest has {len(labels)} labels"
    ):
        Classifier(bundle, artifact=file)


@pytest.mark.parametrize("file", MODELS)
def test_size_in_the_manifest_is_compared_with_the_input(
    bundle: Path, edit_json: Edit, file: str
) -> None:
    edit_json(bundle / "manifest.json", lambda data: data["preprocessing"].update(height=32))
    with pytest.raises(
        InputRefused, match=r"its input is \(1, 64, 64, 3\), but its manifest says \(1, 32, 64, 3\)"
    ):
        Classifier(bundle, artifact=file)


@pytest.mark.parametrize("file", MODELS)
@pytest.mark.parametrize(
    ("checksums", "checked"),
    [({}, "CRC-32"), ({"crc32": None}, "sha256"), ({"crc32": {"x": 1}}, "sha256")],
)
def test_damaged_model_of_a_bundle_is_refused_before_the_interpreter_sees_it(
    bundle: Path, edit_json: Edit, file: str, checksums: dict[str, object], checked: str
) -> None:
    """Bundles from before the CRC-32 was written have none, and are checked by sha256."""
    edit_json(bundle / "manifest.json", lambda data: data["provenance"].update(checksums))
    content = (bundle / file).read_bytes()
    assert Classifier(bundle, artifact=file).file == bundle / file
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    zeroed = content[:4096] + bytes(4096) + content[8192:]
    for damaged in (flipped, zeroed, content[:-1], content + b"\0"):
        (bundle / file).write_bytes(damaged)
        with pytest.raises(InputRefused, match=f"{checked} differs"):
            Classifier(bundle, artifact=file)


def test_bundle_without_a_model_says_how_to_make_one(bundle: Path, edit_json: Edit) -> None:
    edit_json(bundle / "manifest.json", lambda data: data.update(artifacts=[]))
    with pytest.raises(InputRefused, match="holds no exported model; make one with"):
        Classifier(bundle)


def test_file_of_another_kind_is_refused_by_name(tmp_path: Path, exported: Path) -> None:
    for name in ("model", "model.TFLITE", "model.keras", "model.tflite.bak"):
        shutil.copy(exported / "model.fp32.onnx", tmp_path / name)
        with pytest.raises(
            InputRefused, match=f"{name}: expected a model file ending in .tflite or .onnx"
        ):
            Classifier(tmp_path / name)
    with pytest.raises(InputRefused, match="no such file"):
        Classifier(tmp_path / "missing.tflite")
    with pytest.raises(InputRefused, match="too long"):
        Classifier(tmp_path / ("n" * 300))


def test_model_file_without_a_manifest_is_refused(
    tmp_path: Path, exported: Path, onnx_model: MakeModel
) -> None:
    content = (exported / "model.int8.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(content[: content.index(b"PK\x03\x04")])
    with pytest.raises(InputRefused, match="has no class names; give them with --labels FILE"):
        Classifier(tmp_path / "cut.tflite")


def test_artifact_of_another_format_than_its_suffix_is_refused(
    bundle: Path, edit_json: Edit
) -> None:
    content = (bundle / "model.int8.tflite").read_bytes()
    (bundle / "model.fp32.onnx").write_bytes(content)

    def change(data: dict) -> None:
        data["artifacts"] = [one for one in data["artifacts"] if one["format"] == "onnx"]
        del data["provenance"]["crc32"]
        data["artifacts"][0]["sha256"] = hashlib.sha256(content).hexdigest()

    edit_json(bundle / "manifest.json", change)
    for file in bundle.glob("*.tflite"):
        file.unlink()
    with pytest.raises(InputRefused, match=r"model\.fp32\.onnx: ONNX Runtime cannot load it"):
        Classifier(bundle)


def test_threads_are_never_more_than_the_cores_allowed(exported: Path) -> None:
    cores = len(os.sched_getaffinity(0))
    assert Classifier(exported, threads=10_000).threads <= cores
    assert Classifier(exported, threads=1).threads == 1


@pytest.mark.parametrize("file", MODELS)
def test_one_thread_and_all_give_the_same_answer(exported: Path, photo: Path, file: str) -> None:
    assert Classifier(exported / file, threads=1).classify(photo) == Classifier(
        exported / file
    ).classify(photo)


def test_classifier_still_works_after_a_refused_image(
    exported: Path, photo: Path, tmp_path: Path
) -> None:
    classifier = Classifier(exported)
    before = classifier.classify(photo)
    with pytest.raises(ImageRefused, match=r"missing\.jpg"):
        classifier.classify(tmp_path / "missing.jpg")
    assert classifier.classify(photo) == before


def test_rank_is_by_score_with_ties_in_label_order() -> None:
    ranked = rank(np.float32([0.2, 0.4, 0.0, 0.4]), ("a", "b", "c", "d"), 3)
    assert [one.label for one in ranked] == ["b", "d", "a"]
    assert all(type(one.score) is float for one in ranked)


def test_public_names_are_there(exported: Path) -> None:
    assert Bundle.open(exported).manifest.labels == Classifier(exported).labels
