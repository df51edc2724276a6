"""Tests the files that Hugging Face's tools write beside a model, whole and damaged."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime import Classifier
from runtime.errors import InputRefused
from runtime.models.hugging_face.image_processor import read_geometry, read_normalization
from runtime.models.hugging_face.location import CONFIG, PROCESSOR
from runtime.models.hugging_face.timm import from_timm
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import TF, TORCH, UNNORMALIZED

OPTIMUM = ("batch_size", "num_channels", "height", "width")
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
VIT = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 8, "width": 8},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
CONFIG_DATA = {"id2label": {"1": "green", "0": "red", "2": "blue"}, "num_channels": 3}
Write = Callable[..., Path]


@pytest.fixture
def exported_model(external_onnx, tmp_path: Path) -> Write:
    """An .onnx with open axes, as Optimum exports it, between the two files."""

    def make(config: object = CONFIG_DATA, processor: object = VIT) -> Path:
        for name, data in ((CONFIG, config), (PROCESSOR, processor)):
            text = data if isinstance(data, str) else json.dumps(data)
            (tmp_path / name).write_text(text)
        return external_onnx(shape=OPTIMUM)  # type: ignore[no-any-return]

    return make


def test_an_export_of_optimum_needs_no_option(exported_model: Write, colour: Image.Image) -> None:
    path = exported_model()
    classifier = Classifier(path)
    assert classifier.labels == ("red", "green", "blue")
    assert (classifier.preprocessing.height, classifier.preprocessing.fit) == (8, "squash")
    assert classifier.remark == ""
    by_hand = ModelSpec(
        classifier.labels, normalization=TF, fit="squash", input_size=(8, 8), layout="nchw"
    )
    image = colour.crop((0, 0, 20, 12))
    assert classifier.classify(image) == Classifier(path, spec=by_hand).classify(image)


def test_the_options_come_first_and_replace_what_is_damaged(exported_model: Write) -> None:
    path = exported_model({"id2label": 5}, VIT | {"image_mean": ["x"]})
    spec = ModelSpec(("a", "b", "c"), normalization=TORCH, fit="pad", input_size=(6, 4))
    classifier = Classifier(path, spec=spec)
    assert (classifier.labels, classifier.preprocessing.width) == (("a", "b", "c"), 4)
    assert classifier.preprocessing.fit == "pad"
    partly = Classifier(path, spec=ModelSpec(("a", "b", "c"), normalization=TORCH))
    assert (partly.preprocessing.height, partly.preprocessing.fit) == (8, "squash")


def test_the_files_may_lie_one_folder_above_a_folder_onnx(
    exported_model: Write, tmp_path: Path
) -> None:
    path = exported_model()
    (tmp_path / "onnx").mkdir()
    moved = path.rename(tmp_path / "onnx" / path.name)
    assert Classifier(moved).labels == ("red", "green", "blue")
    (tmp_path / "other").mkdir()
    with pytest.raises(InputRefused, match="open; give one with --input-size"):
        Classifier(moved.rename(tmp_path / "other" / path.name))


def test_what_quince_does_otherwise_is_one_remark(exported_model: Write, run_cli, photo) -> None:
    path = exported_model(
        processor=VIT | {"size": {"shortest_edge": 10}, "crop_size": 8, "resample": 3}
    )
    done = run_cli("runtime", "predict", path, photo)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert "preprocessor_config.json: not quite as stated: it takes the centre 8x8 of a" in line
    assert "it resizes with bicubic, Quince bilinear" in line
    assert "bicubic" in run_cli("runtime", "info", path).stdout
    assert not run_cli("runtime", "predict", path, photo, "--fit", "crop").stderr


@pytest.mark.parametrize(
    ("changes", "size", "fit", "words"),
    [
        ({}, (8, 8), "squash", ()),
        ({"size": 8}, (8, 8), "squash", ()),
        ({"size": [6, 8]}, (6, 8), "squash", ()),
        ({"size": {"shortest_edge": 224}, "crop_size": 224}, (224, 224), "crop", ()),
        ({"size": {"shortest_edge": 256}, "crop_size": 224}, (224, 224), "crop", ("256",)),
        ({"size": 256, "crop_size": {"height": 224, "width": 200}}, (224, 200), "crop", ("256",)),
        ({"crop_size": 6}, (6, 6), "squash", ("8x8",)),
        ({"crop_size": 6, "do_center_crop": False}, (8, 8), "squash", ()),
        ({"size": {"shortest_edge": 224}}, (224, 224), "crop", ("keeps the image's shape",)),
        ({"do_resize": False}, (8, 8), "crop", ("does not resize",)),
        ({"do_pad": True}, (8, 8), "squash", ("has do_pad",)),
        ({"do_thumbnail": True}, (8, 8), "squash", ("has do_thumbnail",)),
        ({"resample": 0}, (8, 8), "squash", ("with nearest",)),
        ({"size": None}, None, "crop", ()),
    ],
    ids=str,
)
def test_sizes(changes, size, fit: str, words: tuple[str, ...]) -> None:
    geometry = read_geometry({key: v for key, v in (VIT | changes).items() if v is not None})
    assert (geometry.size, geometry.fit, len(geometry.differences)) == (size, fit, len(words))
    assert all(word in text for word, text in zip(words, geometry.differences, strict=True))


def test_processors_with_rules_of_their_own() -> None:
    convnext = {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 224}
    geometry = read_geometry(convnext | {"crop_pct": 0.875})
    assert geometry.size == (224, 224)
    assert "short side of 256" in geometry.differences[0]
    assert read_geometry(convnext | {"size": {"shortest_edge": 384}}) == ((384, 384), "squash", ())
    levit = {"image_processor_type": "LevitImageProcessor", "size": 224, "crop_size": 224}
    assert "short side of 256" in read_geometry(levit).differences[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, TF),
        ({"image_mean": MEAN, "image_std": STD}, TORCH),
        ({"image_mean": 0.5, "image_std": [0.5]}, TF),
        ({"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [127.5] * 3}, TF),
        ({"do_rescale": False, "do_normalize": False}, UNNORMALIZED),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False}, TF),
    ],
    ids=str,
)
def test_rescaling_and_normalization_become_one(changes, expected) -> None:
    found = read_normalization(VIT | changes)
    assert found.mean == pytest.approx(expected.mean)
    assert found.std == pytest.approx(expected.std)


def test_efficientnet_divides_by_its_std_twice() -> None:
    """As EfficientNetImageProcessor does with include_top, its default."""
    data = VIT | {"image_processor_type": "EfficientNetImageProcessor", "image_mean": MEAN}
    found = read_normalization(data | {"image_std": [0.5, 0.4, 0.3]})
    assert found.std == pytest.approx([255 * 0.25, 255 * 0.16, 255 * 0.09])
    assert found.mean == pytest.approx([255 * mean for mean in MEAN])


def test_mobilevit_takes_blue_green_red(exported_model: Write, colour: Image.Image) -> None:
    data = {"image_processor_type": "MobileViTFeatureExtractor", "size": {"height": 8, "width": 8}}
    answer = Classifier(exported_model(processor=data)).classify(colour)
    assert answer[0].label == "blue"


def test_a_table_of_timm_is_read() -> None:
    table = {"input_size": [3, 224, 224], "mean": MEAN, "std": STD, "interpolation": "bicubic"}
    data = from_timm(table | {"crop_pct": 0.9, "crop_mode": "center"})
    assert read_normalization(data).mean == pytest.approx(TORCH.mean)
    geometry = read_geometry(data)
    assert geometry.size == (224, 224)
    assert "short side of 248" in geometry.differences[0]
    assert "bicubic" in geometry.differences[1]


LONG_OBJECT = json.dumps(dict.fromkeys(map(str, range(200_000)), 0))[:-1] + ', "0": 1}'
"""Where each key were counted in the list of all keys, this would take hours."""
NUMBERS = ("image_mean", "image_std", "rescale_factor")


@pytest.mark.parametrize(
    ("config", "processor", "words"),
    [
        ("[1]", VIT, "config.json: expected a JSON object, found a list"),
        ("{", VIT, "config.json: not valid JSON"),
        ("[" * 5000, VIT, "config.json: "),
        (" " * 5_000_000, VIT, "config.json: over"),
        (LONG_OBJECT, VIT, "config.json: the key '0' stands twice"),
        ({"id2label": {"0": "a"}}, VIT, "id2label: has 1 labels, but the model has 3 outputs"),
        ({"id2label": {"0": "a", "2": "b", "3": "c"}}, VIT, "config.json: id2label: "),
        ({"id2label": {"0": 5, "1": "b", "2": "c"}}, VIT, "config.json: id2label: "),
        ({"id2label": "abc"}, VIT, "config.json: id2label: "),
        ({"id2label": {"0": "a" * 9999, "1": "b", "2": "c"}}, VIT, "labels of 1 to"),
        (CONFIG_DATA | {"problem_type": "multi_label_classification"}, VIT, "--scores"),
        (CONFIG_DATA, "NaN", "preprocessor_config.json: expected a JSON object"),
        (CONFIG_DATA, VIT | {"size": {"height": 10**9, "width": 8}}, "size in pixels"),
        (CONFIG_DATA, VIT | {"size": {"height": True, "width": 8}}, "size in pixels"),
        (CONFIG_DATA, VIT | {"size": {"longest_edge": 8}}, "size in pixels"),
        (CONFIG_DATA, VIT | {"size": [[]]}, "size in pixels"),
        (CONFIG_DATA, VIT | {"crop_size": "big"}, "crop_size in pixels"),
        (CONFIG_DATA, VIT | {"resample": "bicubic"}, "resample to be 0 to 5"),
        (CONFIG_DATA, VIT | {"do_resize": "yes"}, "do_resize to be true or false"),
        (CONFIG_DATA, VIT | {"image_std": [0.5, 0, 0.5]}, "image_std without 0"),
        (CONFIG_DATA, VIT | {"image_mean": [0.5, 0.5]}, "image_mean to be one number or three"),
        (CONFIG_DATA, VIT | {"image_std": [1e-9] * 3, "rescale_factor": 1e-9}, "finite numbers"),
        *((CONFIG_DATA, VIT | {key: float("nan")}, f"{key} to be a finite") for key in NUMBERS),
        *((CONFIG_DATA, VIT | {key: 10**400}, f"{key} to be a finite") for key in NUMBERS),
        (CONFIG_DATA, VIT | {"pretrained_cfg": {"input_size": 3}}, "input_size to be"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_hostile_files_are_refused_in_one_line(
    exported_model: Write, config, processor, words: str
) -> None:
    with pytest.raises(InputRefused) as refusal:
        Classifier(exported_model(config, processor))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600


def test_any_value_of_any_key_is_read_or_refused(exported_model: Write) -> None:
    random = np.random.default_rng(1)
    values = [None, True, 0, -1, 3.5, 1e300, float("inf"), "", "8", [], [1], {}, {"height": 1}]
    keys = [*VIT, "crop_size", "crop_pct", "do_center_crop", "rescale_offset", "pretrained_cfg"]
    path = exported_model()
    for _ in range(300):
        changes = {str(random.choice(keys)): values[random.integers(len(values))] for _ in "12"}
        (path.parent / PROCESSOR).write_text(json.dumps(VIT | changes))
        try:
            Classifier(path)
        except InputRefused as refusal:
            assert "\n" not in str(refusal)  # noqa: PT017
