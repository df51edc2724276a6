"""`train evaluate` on the run's own test images and on other folders, and what it refuses."""

import json
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import h5py
import pytest

from runtime.classifier import Classifier
from runtime.cli.output import JSON_SCHEMA
from runtime.errors import InputRefused
from runtime.images.preprocessing import preprocess
from runtime.system.hashing import sha256_of
from train.evaluation.evaluate import evaluate
from train.evaluation.labelled_images import list_labelled_images
from workstation.run_folder import read_images


def refused(run_cli, *words: object) -> str:
    """Returns the last line of a command that is refused."""
    done = run_cli("train", *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    last: str = done.stderr.splitlines()[-1]
    assert last.startswith("python -m train: ")
    return last.removeprefix("python -m train: ")


def rewrite(run: Path, member: str, change) -> None:
    """Changes a member of a run's model.keras, and the manifest's sha256 with it, as an attack."""
    path = run / "model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    old = sha256_of(path.read_bytes())
    members[member] = change(members[member])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    manifest = run / "manifest.json"
    manifest.write_text(manifest.read_text().replace(old, sha256_of(path.read_bytes())))


def test_own_test_images_give_the_accuracy_of_the_training(trained: Path, run_cli) -> None:
    done = run_cli("train", "evaluate", trained, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    results = json.loads((trained / "manifest.json").read_text())["provenance"]["results"]
    assert result["schema"] == JSON_SCHEMA
    metrics = result["scorecard"]
    assert metrics["accuracy"] == results["test_accuracy"]
    assert metrics["images"] == results["test_images"]
    assert (metrics["low"], metrics["high"]) == (
        results["test_accuracy_low"],
        results["test_accuracy_high"],
    )
    assert (result["own_test"], result["trained_on"], result["refused"]) == (True, 0, 0)
    assert all(mistake["label"] != mistake["predicted"] for mistake in result["mistakes"])


def test_text_names_interval_classes_and_mistakes(trained: Path, run_cli) -> None:
    done = run_cli("train", "evaluate", trained)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "95 % interval" in lines[0]
    assert "balanced accuracy" in lines[2]
    assert {line.split()[0] for line in lines[4:6]} == {"mono", "poly"}


def test_another_folder_is_evaluated_and_training_images_are_counted(
    trained: Path, cells: Path, tmp_path: Path, run_cli
) -> None:
    folder = tmp_path / "others"
    shutil.copytree(cells / "mono", folder / "mono")
    (folder / "mono" / "bad.png").write_text("x")
    (folder / "stray.png").write_text("x")
    (folder / "poly").mkdir()
    done = run_cli(
        "train", "evaluate", trained, folder, "--json", "--report", tmp_path / "page.html"
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    trained_on = sum(
        image.label == "mono" and image.split in ("train", "val") for image in read_images(trained)
    )
    assert result["scorecard"]["images"] == 60
    assert (result["trained_on"], result["refused"]) == (trained_on, 2)
    assert f"{folder / 'mono' / 'bad.png'}: not an image" in done.stderr
    assert f"{folder / 'stray.png'}: not in a class folder" in done.stderr
    assert f"{trained_on} of 60 images took part in the training" in done.stderr
    page = (tmp_path / "page.html").read_text()
    assert "the images of others" in page
    assert f"{trained_on} of 60 images took part in the training" in page
    assert "stray.png: not in a class folder" in page


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such folder"),
        (Path.touch, "not a folder"),
        (Path.mkdir, "mono/1.jpg"),
    ],
)
def test_a_folder_without_images_is_refused(tmp_path: Path, make, reason: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(InputRefused, match=reason):
        list_labelled_images(tmp_path / "x", ("mono", "poly"))


def test_images_that_moved_are_found_with_data_and_missed_without(
    run_copy: Path, cells: Path, tmp_path: Path, run_cli
) -> None:
    manifest = run_copy / "manifest.json"
    manifest.write_text(
        manifest.read_text().replace(json.dumps(str(cells)), json.dumps(str(tmp_path / "gone")))
    )
    assert "pass their folder with --data" in refused(run_cli, "evaluate", run_copy)
    moved = Path(shutil.copytree(cells, tmp_path / "moved"))
    assert run_cli("train", "evaluate", run_copy, "--data", moved).returncode == 0
    victim = next(image for image in read_images(run_copy) if image.split == "test")
    (moved / victim.path).write_bytes(b"another")
    assert (
        refused(run_cli, "evaluate", run_copy, "--data", moved)
        == f"{moved / victim.path}: changed since the training; restore it, or train again"
    )


def test_a_changed_model_is_refused(run_copy: Path, run_cli) -> None:
    content = bytearray((run_copy / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (run_copy / "model.keras").write_bytes(content)
    for words in (("evaluate", run_copy), ("predict", run_copy, "x.jpg")):
        assert "its sha256 differs from the manifest's" in refused(run_cli, *words)


def test_code_in_the_model_is_refused_even_with_the_right_sha256(
    run_copy: Path, tmp_path: Path, run_cli
) -> None:
    def smuggle(content: bytes) -> bytes:
        config = json.loads(content)
        config["config"]["layers"][1] |= {
            "module": "os",
            "class_name": "function",
            "config": "system",
            "registered_name": "system",
        }
        return json.dumps(config).encode()

    rewrite(run_copy, "config.json", smuggle)
    for words in (("evaluate", run_copy), ("predict", run_copy, "x.jpg")):
        assert "uses the function system of os" in refused(run_cli, *words)


def test_a_model_that_needs_more_memory_than_its_weights_is_refused(
    run_copy: Path, run_cli
) -> None:
    def swell(content: bytes) -> bytes:
        """Makes a last layer of 4 GB, which Keras allocates without a memory limit."""
        config = json.loads(content)
        config["config"]["layers"][-1]["config"]["units"] = 2**24
        return json.dumps(config).encode()

    rewrite(run_copy, "config.json", swell)
    assert "loading it takes more than the" in refused(run_cli, "evaluate", run_copy)


def test_weights_that_declare_more_than_the_file_holds_are_refused(run_copy: Path, run_cli) -> None:
    def swell(content: bytes) -> bytes:
        file = BytesIO(content)
        with h5py.File(file, "r+") as weights:
            names: list[str] = []
            weights.visititems(
                lambda name, part: names.append(name) if isinstance(part, h5py.Dataset) else None
            )
            del weights[names[0]]
            weights.create_dataset(names[0], (10**9,), "float32", chunks=(10**6,))
        return file.getvalue()

    rewrite(run_copy, "model.weights.h5", swell)
    assert "Unable to allocate" in refused(run_cli, "evaluate", run_copy)


def test_a_model_of_another_shape_than_its_manifest_says_is_refused(
    run_copy: Path, run_cli
) -> None:
    manifest = json.loads((run_copy / "manifest.json").read_text())
    manifest["labels"].append("third")
    (run_copy / "manifest.json").write_text(json.dumps(manifest))
    assert "expected input and output ((None, 64, 64, 3), (None, 3))" in refused(
        run_cli, "predict", run_copy, "x.jpg"
    )


def test_an_existing_page_is_kept(trained: Path, tmp_path: Path, run_cli) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    assert "exists already" in refused(run_cli, "evaluate", trained, "--report", page)
    assert page.read_text() == "mine"
    assert "ends in .html" in refused(
        run_cli, "evaluate", trained, "--report", tmp_path / "page.txt"
    )


def test_a_full_disk_leaves_the_older_page(trained: Path, small_disk, run_cli) -> None:
    page = small_disk("8k") / "page.html"
    page.write_text("older")
    done = run_cli("train", "evaluate", trained, "--report", page, "--overwrite")
    assert done.returncode == 4, done.stderr
    assert "the disk is full" in done.stderr.splitlines()[-1]
    assert page.read_text() == "older"
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]


def test_a_run_without_test_images_is_refused(run_copy: Path) -> None:
    table = run_copy / "images.csv"
    table.write_text(table.read_text().replace("test,", "train,"))
    with pytest.raises(InputRefused, match="expected test images in its images.csv"):
        evaluate(run_copy, None, None)


def test_predict_gives_the_scores_of_the_exported_model(
    trained: Path, exported: Path, cells: Path, run_cli
) -> None:
    keras = run_cli("train", "predict", trained, cells / "mono", "--top", "2", "--json")
    assert keras.returncode == 0, keras.stderr
    lines = [json.loads(line) for line in keras.stdout.splitlines()]
    assert len(lines) == 60
    exported_model = Classifier(exported / "model.fp32.onnx")
    for line in lines:
        scores = {prediction["label"]: prediction["score"] for prediction in line["predictions"]}
        pixels = preprocess(line["image"], exported_model.preprocessing)
        expected = exported_model.scores(pixels).tolist()
        assert scores == pytest.approx(
            dict(zip(exported_model.labels, expected, strict=True)), abs=1e-4
        )


def test_predict_names_what_is_no_image(
    trained: Path, cells: Path, tmp_path: Path, run_cli
) -> None:
    good = next(cells.rglob("*.png"))
    (tmp_path / "bad.jpg").write_text("x")
    done = run_cli("train", "predict", trained, good, tmp_path / "bad.jpg", "--top", "1")
    assert done.returncode == 2
    assert done.stdout.startswith(f"{good}: ")
    assert done.stderr.splitlines() == [
        f"python -m train: {tmp_path / 'bad.jpg'}: not an image "
        "(formats read: JPEG, PNG, BMP, GIF, PPM, TIFF, WEBP)",
        "python -m train: refused 1 of 2 files",
    ]


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_missing_packages_are_named(
    run_cli, bare_python, trained: Path, cells: Path, verb: str
) -> None:
    words = [verb, trained, *([next(cells.rglob("*.png"))] if verb == "predict" else [])]
    done = run_cli("train", *words, python=bare_python("numpy", "pillow"))
    assert (done.returncode, done.stdout) == (4, "")
    assert "pip install '.[train]'" in done.stderr.splitlines()[-1]
    assert run_cli("train", verb, "--help", python=bare_python("numpy", "pillow")).returncode == 0
