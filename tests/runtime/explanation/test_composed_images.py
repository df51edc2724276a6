"""On images whose one half is empty, the map lies on the half with the object."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.classifier import Classifier
from runtime.explanation.explainer import Explainer

LABELS = ("Apple Granny Smith 1", "Tomato 1", "Cherry Wax Yellow 1")
SIDE, HALF = 96, 48
TRAINING = ("--backbone", "simple-cnn", "--input-size", str(SIDE))
TRAINING += ("--variants", "1", "--batch", "16", "--epochs", "0")
LIMITS = ("--max-drop", "0.3", "--min-agreement", "0.7")


@pytest.fixture(scope="module")
def classifier(fruits: Path, run_cli, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """The int8 file of a small network that knows three fruits before white."""
    folder = tmp_path_factory.mktemp("fruits")
    for label in LABELS:
        images = sorted((fruits / "Training" / label).glob("*.jpg"))
        (folder / "images" / label).mkdir(parents=True)
        for image in images[:: max(1, len(images) // 20)]:
            shutil.copy(image, folder / "images" / label)
    for words in (
        ("train", folder / "images", "-o", folder / "run", "--head-epochs", "10", *TRAINING),
        ("export", "tflite", folder / "run", "-o", folder / "bundle", *LIMITS),
    ):
        done = run_cli(*words)
        assert done.returncode == 0, done.stderr
    return Classifier(folder / "bundle")


@pytest.mark.parametrize("method", ["class activation map", "occlusion"])
def test_nine_tenths_of_the_map_lie_on_the_half_with_the_object(
    classifier: Classifier, fruits: Path, method: str
) -> None:
    explainer = Explainer(classifier)
    if method == "occlusion":
        explainer.head = None
    shares = []
    for index, label in enumerate(classifier.labels):
        for number, path in enumerate(sorted((fruits / "Test" / label).glob("*.jpg"))[:8]):
            canvas = Image.new("RGB", (SIDE, SIDE), "white")
            left = HALF * (number % 2)
            with Image.open(path) as fruit:
                canvas.paste(fruit.resize((HALF, HALF)), (left, SIDE // 4))
            heat, how, *_ = explainer.explain(np.asarray(canvas), index)
            assert how == method
            shares.append(heat[:, left : left + HALF].sum() / heat.sum())
    assert len(shares) == 24
    assert np.mean(shares) >= 0.9, shares
