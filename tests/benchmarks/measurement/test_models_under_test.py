"""Tests which models and images are found, and that a bad accuracy in a bundle is refused."""

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.commands.table import main
from benchmarks.measurement.models_under_test import find_models_under_test, spread
from runtime.commands import doctor
from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing
from runtime.models.manifest import Artifact, Manifest
from runtime.system.hashing import sha256_of

TINY = Path(str(doctor.__file__)).parent / "tiny.tflite"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A bundle of the doctor's tiny network."""
    content = TINY.read_bytes()
    (tmp_path / "tiny.tflite").write_bytes(content)
    manifest = Manifest(
        "tiny",
        ("a", "b"),
        Preprocessing(8, 8),
        (Artifact("tiny.tflite", "tflite", "int8", sha256_of(content)),),
    )
    (tmp_path / "manifest.json").write_text(manifest.to_json())
    return tmp_path


def test_what_is_no_image_is_named_and_the_others_are_taken(
    small: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("p")
    Image.new("RGB", (8, 8)).save(folder / "good.png")
    (folder / "empty.jpg").touch()
    models = find_models_under_test([small], None, [folder])
    assert models.runnable[0].images == (folder / "good.png",)
    assert models.refusals == (f"{folder / 'empty.jpg'}: not an image",)
    with pytest.raises(
        InputRefused, match=r"missing\.png: holds no readable image: .*missing\.png: No such file"
    ):
        find_models_under_test([small], None, [folder / "missing.png"])


def test_of_many_images_64_are_taken_from_everywhere() -> None:
    many = [Path(f"{number}.png") for number in range(1200)]
    taken = spread(many)
    assert len(set(taken)) == 64
    assert (taken[0], taken[-1]) == (many[0], many[1181])
    assert spread(many[:3]) == tuple(many[:3])
    assert spread([]) == ()


@pytest.mark.parametrize("verb", ["latency", "soak"])
def test_image_that_breaks_off_is_refused_by_its_name(
    exported: Path, tmp_path: Path, verb: str
) -> None:
    Image.effect_noise((64, 64), 99).save(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:900])
    with pytest.raises(InputRefused, match=r"cut\.png: broken"):
        main(
            [verb, str(exported), "--images", str(tmp_path / "good.png"), str(tmp_path / "cut.png")]
        )


def accuracies(bundle: Path, value: object) -> list[float | None]:
    record = {"artifacts": {"tiny.tflite": {"parity": {"candidate_accuracy": value}}}}
    (bundle / "parity.json").write_text(json.dumps(record))
    return [tested.accuracy for tested in find_models_under_test([bundle], None, ()).runnable]


@pytest.mark.parametrize(
    "value",
    [float("nan"), 7, -1, "0.5", [1], 10**400, True, None],
    ids=lambda value: str(value)[:5],
)
def test_accuracy_that_is_none_is_refused_by_name(small: Path, value: object) -> None:
    with pytest.raises(InputRefused, match=r"parity\.json: .*candidate_accuracy .*from 0 to 1"):
        accuracies(small, value)


def test_accuracy_is_taken_and_may_be_absent(small: Path) -> None:
    assert set(accuracies(small, 0.5)) == {0.5}
    assert set(accuracies(small, 1)) == {1.0}
    (small / "parity.json").write_text('{"artifacts": {}}')
    assert {tested.accuracy for tested in find_models_under_test([small], None, ()).runnable} == {
        None
    }
    (small / "parity.json").unlink()
    assert {tested.accuracy for tested in find_models_under_test([small], None, ()).runnable} == {
        None
    }
    (small / "parity.json").write_text("{")
    with pytest.raises(InputRefused, match=r"parity\.json: .*JSON"):
        find_models_under_test([small], None, ())
