"""A model that quantization destroys is refused with a reason (FAULTS E7, E10, E11)."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.system.hashing import sha256_of


@pytest.fixture
def unquantizable(run_copy: Path, widen, save_into) -> Path:
    from export.inputs.keras_loader import load_flat_model

    model = load_flat_model(run_copy / "model.keras")
    for number in range(3):
        widen(model, number)
    save_into(run_copy, model)
    return run_copy


def test_destroyed_accuracy_is_refused_with_a_report_and_nothing_published(
    unquantizable: Path, run_cli
) -> None:
    done = run_cli("export", "tflite", unquantizable, "--ranges", "minmax")
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("next: the same command with --precision auto")
    assert "It was not published" in done.stderr.splitlines()[-2]
    assert not (unquantizable / "bundle").exists()
    page = (unquantizable / "bundle.refused.model.int8.tflite.html").read_text()
    assert "</b> refused: " in page
    assert "Error of each layer" in page
    assert "quantization damages layer 'conv" in done.stderr.splitlines()[-2]
    assert "data:image/jpeg" in page, "the flipped images are shown"
    assert not list(unquantizable.glob(".quince-*"))


def test_a_refused_export_leaves_the_artifacts_that_passed(unquantizable: Path, run_cli) -> None:
    assert run_cli("export", "onnx", unquantizable).returncode == 0
    before = (unquantizable / "bundle" / "manifest.json").read_bytes()
    done = run_cli("export", "tflite", unquantizable, "--ranges", "minmax")
    assert done.returncode == 3
    assert (unquantizable / "bundle" / "manifest.json").read_bytes() == before


def test_auto_goes_on_to_the_first_precision_that_passes(unquantizable: Path, run_cli) -> None:
    done = run_cli(
        "export",
        "tflite",
        unquantizable,
        "--precision",
        "auto",
        "--max-drop",
        "0.01",
        "--min-agreement",
        "0.9",
    )
    assert done.returncode == 0, done.stderr
    assert "model.int8.tflite: " in done.stderr
    assert "REFUSED" not in done.stdout
    artifacts = json.loads((unquantizable / "bundle" / "manifest.json").read_text())["artifacts"]
    assert [artifact["file"] for artifact in artifacts] == [done.stdout.split(":")[0]]
    assert (
        done.stdout.splitlines()[-2].startswith("    ")
        or "int8, equalized" in done.stdout.splitlines()[-2]
    )
    assert "quantization damages layer 'conv" in done.stdout


def test_auto_stops_at_int8_where_that_passes(trained: Path, run_cli, tmp_path: Path) -> None:
    limits = ("--max-drop", "0.2", "--min-agreement", "0.8")
    done = run_cli(
        "export", "tflite", trained, "-o", tmp_path / "bundle", "--precision", "auto", *limits
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "bundle").glob("model.*")} == {"model.int8.tflite"}


def test_nan_weights_are_refused_naming_the_layer(run_copy: Path, run_cli, save_into) -> None:
    from export.inputs.keras_loader import load_flat_model

    model = load_flat_model(run_copy / "model.keras")
    kernel = model.get_layer("conv2").get_weights()[0]
    kernel[0, 0, 0, 0] = np.nan
    model.get_layer("conv2").set_weights([kernel])
    save_into(run_copy, model)
    done = run_cli("export", "onnx", run_copy)
    assert done.returncode == 3
    assert "layer 'conv2'" in done.stderr.splitlines()[-1]
    assert not (run_copy / "bundle").exists()


def test_a_run_without_training_images_is_refused_before_converting(
    run_copy: Path, run_cli
) -> None:
    with (run_copy / "images.csv").open(newline="") as file:
        rows = [row for row in csv.reader(file) if row[0] != "train"]
    with (run_copy / "images.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    done = run_cli("export", "tflite", run_copy)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "no train images" in done.stderr


def table(run: Path) -> list[dict[str, str]]:
    with (run / "images.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def write_table(run: Path, rows: list[dict[str, str]]) -> None:
    with (run / "images.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_training_images_that_are_all_tested_too_are_refused_before_converting(
    run_copy: Path, run_cli
) -> None:
    tested = [row for row in table(run_copy) if row["split"] == "test"]
    write_table(run_copy, tested + [{**row, "split": "train"} for row in tested])
    done = run_cli("export", "tflite", run_copy)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is in the test split too" in done.stderr.splitlines()[-1]
    assert "convert" not in done.stderr


def test_one_calibration_image_is_warned_of_and_judged(
    trained: Path, run_cli, tmp_path: Path
) -> None:
    limits = ("--max-drop", "1", "--min-agreement", "0")
    done = run_cli(
        "export", "tflite", trained, "-o", tmp_path / "bundle", "--calibration-images", "1", *limits
    )
    assert done.returncode == 0, done.stderr
    assert "calibration: the ranges come from a single image; take 100 or more" in done.stderr
    assert "calibration: 1 of 2 classes have no calibration image" in done.stderr
    record = json.loads((tmp_path / "bundle" / "parity.json").read_text())["artifacts"][
        "model.int8.tflite"
    ]
    assert len(record["warnings"]) == 2
    for page in ("report.html", "README.md"):
        assert "the ranges come from a single image" in (tmp_path / "bundle" / page).read_text()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--precision", "int4"], 2),
        (["--max-drop", "2"], 2),
        (["--calibration-images", "0"], 2),
        (["--prec", "int8"], 2),
    ],
)
def test_wrong_options_are_refused_in_one_line(
    trained: Path, run_cli, options: list[str], code: int
) -> None:
    done = run_cli("export", "tflite", trained, *options)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1


def test_calibration_of_one_colour_is_refused(run_copy: Path, run_cli, tmp_path: Path) -> None:
    """Black images replace the training images, and the table gets their hashes."""
    data = tmp_path / "black"
    rows = table(run_copy)
    for row in rows:
        path = data / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64)).save(path)
        row["sha256"] = sha256_of(path.read_bytes())
    write_table(run_copy, rows)
    done = run_cli("export", "tflite", run_copy, "--data", data)
    assert done.returncode == 3
    assert "one single colour" in done.stderr


def test_a_bundle_inside_the_images_or_at_the_root_and_a_link_to_itself_are_refused(
    trained: Path, cells: Path, run_cli, tmp_path: Path
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for words in (
        ("export", "tflite", trained, "-o", cells / "bundle"),
        ("export", "tflite", trained, "-o", "/"),
        ("train", loop),
    ):
        done = run_cli(*words)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert not (cells / "bundle").exists()
