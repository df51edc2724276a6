"""`predict --explain` writes one map for each image, under a name of its own."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from runtime.classifier import Classifier
from runtime.explanation.folder import ExplanationFolder


@pytest.fixture
def photos(cells: Path, tmp_path: Path) -> Path:
    """Two folders with a file of the same name each, and a file that is no image."""
    for label in ("mono", "poly"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        first = sorted((cells / label).iterdir())[0]
        shutil.copy(first, tmp_path / "photos" / label / "cell.png")
    (tmp_path / "photos" / "note.jpg").write_text("hello")
    return tmp_path / "photos"


@pytest.mark.parametrize("file", ["", "model.fp32.onnx"])
def test_each_image_gets_a_map_that_the_json_names(
    exported: Path, photos: Path, tmp_path: Path, run_cli, file: str
) -> None:
    out = tmp_path / "maps"
    done = run_cli(
        "runtime", "predict", exported / file, photos, "--explain", out, "--json", "--top", "1"
    )
    assert done.returncode == 2, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert ["error" in row for row in rows] == [False, True, False]
    maps = [Path(row["explanation"]) for row in rows if "error" not in row]
    assert sorted(maps) == sorted(out.iterdir())
    assert len(set(maps)) == 2
    for path in maps:
        assert path.name.startswith("cell-")
        with Image.open(path) as picture:
            assert picture.width > picture.height > 300
    plain = run_cli("runtime", "predict", exported / file, photos)
    explained = run_cli("runtime", "predict", exported / file, photos, "--explain", out)
    assert (explained.stdout, explained.stderr) == (plain.stdout, plain.stderr)
    assert sorted(maps) == sorted(out.iterdir()), "the same images have the same files"


@pytest.mark.parametrize("out", ["photos", "photos/maps", "photos/note.jpg"])
def test_a_folder_where_maps_cannot_be_is_refused(
    exported: Path, photos: Path, run_cli, refuses, out: str
) -> None:
    folder = photos.parent / out
    done = run_cli("runtime", "predict", exported, photos, "--explain", folder)
    refuses(done, 2, str(folder))
    assert not done.stdout


def test_predict_without_maps_does_not_import_what_draws_them(
    exported: Path, photos: Path, run_cli
) -> None:
    """The start of predict is as short as before."""
    done = run_cli(
        "runtime", "predict", exported, photos / "mono", env={"PYTHONPROFILEIMPORTTIME": "1"}
    )
    assert done.returncode == 0
    assert "runtime.classifier" in done.stderr
    assert "runtime.explanation" not in done.stderr
    assert "PIL.ImageDraw" not in done.stderr


@pytest.mark.parametrize(
    "name", ["a/b.jpg", "clip.mp4 #17", "..", "-", "\udce9.png", "x" * 300 + ".jpg", "日本/猫.png"]
)
def test_any_name_becomes_a_file_in_the_folder(exported: Path, tmp_path: Path, name: str) -> None:
    folder = ExplanationFolder(Classifier(exported / "model.int8.tflite"), tmp_path, ())
    path = folder.path(name)
    assert path.parent == tmp_path
    assert not path.name.startswith(".")
    path.touch()
    assert folder.path(name + " ") != path
