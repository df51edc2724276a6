"""Bundles are whole or not published, and keep what they had."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runtime
from export.inputs.keras_loader import scores
from export.parity.artifact_record import read_records
from export.publish import (
    BundleUpdate,
    ConvertedArtifact,
    bundle_manifest,
    open_bundle,
    publish,
    require_writable_target,
)
from runtime.bundles.bundle import Bundle
from runtime.bundles.golden_images import read_golden
from runtime.errors import InputRefused, MachineError
from runtime.models.labels import labels_text
from runtime.system.hashing import sha256_of

LOOSE = ("--max-drop", "0.2", "--min-agreement", "0.8")


def test_holds_what_the_device_needs_and_names_no_folder_of_this_machine(
    exported: Path, cells: Path
) -> None:
    names = {path.name for path in exported.iterdir()}
    written = {
        "manifest.json",
        "labels.txt",
        "golden",
        "parity.json",
        "calibration.json",
        "report.html",
        "README.md",
        "examples.zip",
    }
    assert names == {"model.int8.tflite", "model.fp32.onnx"} | written
    for name in sorted(written - {"golden"}):
        assert str(cells.parent).encode() not in (exported / name).read_bytes(), name


def test_golden_images_are_of_the_test_split_and_have_scores_of_every_artifact(
    exported: Path, opened
) -> None:
    golden_images = read_golden(exported)
    assert {golden_image.sha256 for golden_image in golden_images} <= {
        image.sha256 for image in opened.split("test")
    }
    assert {golden_image.label for golden_image in golden_images} == set(opened.manifest.labels)
    for golden_image in golden_images:
        assert set(golden_image.scores) == {"model.keras", "model.int8.tflite", "model.fp32.onnx"}
        assert all(
            sum(numbers) == pytest.approx(1, abs=0.01) for numbers in golden_image.scores.values()
        )


def test_same_export_again_is_kept_and_another_refused(
    bundle: Path, trained: Path, run_cli, contents
) -> None:
    before = contents(bundle)
    again = run_cli("export", "tflite", trained, "-o", bundle, *LOOSE)
    assert again.returncode == 0, again.stderr
    assert "already there, made by this command" in again.stdout
    different = run_cli("export", "tflite", trained, "-o", bundle, *LOOSE, "--seed", "8")
    assert different.returncode == 2
    assert "--overwrite" in different.stderr
    assert contents(bundle) == before


def test_a_second_export_keeps_the_records_and_the_calibration_of_the_first(
    bundle: Path, trained: Path, opened, run_cli
) -> None:
    def read(name: str) -> dict[str, Any]:
        return json.loads((bundle / name).read_text())

    records, (first,) = read("parity.json")["artifacts"], read("calibration.json")["sets"]
    assert {record["calibration_id"] for record in records.values()} == {first, None}
    assert all(record["latency"]["p50_ms"] > 0 for record in records.values())
    done = run_cli(
        "export",
        "tflite",
        trained,
        "-o",
        bundle,
        *LOOSE,
        "--precision",
        "int16x8",
        "--calibration-images",
        "10",
    )
    assert done.returncode == 0, done.stderr
    extended = read("parity.json")["artifacts"]
    assert {file: extended[file] for file in records} == records
    sets = read("calibration.json")["sets"]
    assert {key: calibration_set["artifacts"] for key, calibration_set in sets.items()} == {
        first: ["model.int8.tflite"],
        extended["model.int16x8.tflite"]["calibration_id"]: ["model.int16x8.tflite"],
    }
    for calibration_set in sets.values():
        listed = {image["sha256"] for image in calibration_set["images"]}
        assert len(listed) == calibration_set["count"] == sum(calibration_set["classes"].values())
        assert listed <= {image.sha256 for image in opened.split("train")}
    page = (bundle / "report.html").read_text()
    assert "--calibration-images 10" in page
    assert page.count("Stability on two halves") == 2
    done = run_cli(
        "export", "tflite", trained, "-o", bundle, *LOOSE, "--calibration", "12", "--overwrite"
    )
    assert done.returncode == 0, done.stderr
    assert first not in read("calibration.json")["sets"], "a set that no artifact was calibrated on"


def test_a_bundle_of_an_earlier_schema_is_refused_saying_so(bundle: Path, opened) -> None:
    data = json.loads((bundle / "parity.json").read_text())
    (bundle / "parity.json").write_text(json.dumps({**data, "schema": 1}))
    with pytest.raises(InputRefused, match="another version of Quince; use --overwrite"):
        open_bundle(bundle, opened, overwrite=False)
    assert open_bundle(bundle, opened, overwrite=True) == (None, {})


@pytest.mark.parametrize("file", ["parity.json", "calibration.json", "golden/golden.json"])
def test_records_that_were_edited_or_are_gone_are_refused_and_overwrite_begins_anew(
    bundle: Path, opened, file: str
) -> None:
    content = (bundle / file).read_text()
    for edited in (content.replace(":", ": ", 1), content[:-5]):
        (bundle / file).write_text(edited)
        with pytest.raises(InputRefused, match="use --overwrite"):
            open_bundle(bundle, opened, overwrite=False)
        assert open_bundle(bundle, opened, overwrite=True) == (None, {})


def test_a_label_with_a_line_break_stays_one_line(opened) -> None:
    assert labels_text(("a\nb", "c\u2028d", "café")).splitlines() == ["a\\nb", "c\\u2028d", "café"]


def test_a_damaged_artifact_is_not_taken_for_a_finished_one(
    bundle: Path, trained: Path, run_cli
) -> None:
    model = bundle / "model.int8.tflite"
    model.write_bytes(model.read_bytes()[:-100])
    done = run_cli("export", "tflite", trained, "-o", bundle, *LOOSE, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert "passed the parity gate" in done.stdout
    assert run_cli("runtime", "verify", bundle).returncode == 0


def test_the_bundle_of_another_model_is_not_touched(bundle: Path, opened) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["provenance"]["model_sha256"] = "0" * 64
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputRefused, match="another trained model; use --overwrite"):
        open_bundle(bundle, opened, overwrite=False)
    assert open_bundle(bundle, opened, overwrite=True) == (None, {})


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_or_file_that_is_no_bundle_is_never_replaced(
    tmp_path: Path, opened, overwrite: bool
) -> None:
    (tmp_path / "thesis.txt").write_text("the only copy")
    for place in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(InputRefused, match=r"-o$") as refusal:
            open_bundle(place, opened, overwrite=overwrite)
        assert "use --overwrite" not in refusal.value.reason


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    """FAULTS E14: the input itself, a file, below a file, a link to nothing, no permission."""
    (tmp_path / "file").write_text("the only copy")
    (tmp_path / "link").symlink_to("/nowhere/out")
    for place, reason in (
        ("model", "the model itself"),
        ("file", "is a file"),
        ("file/below", "is a file"),
        ("link", "is a link to"),
    ):
        with pytest.raises(InputRefused, match=reason):
            require_writable_target(tmp_path / place, tmp_path / "model")
    require_writable_target(tmp_path / "new" / "bundle", tmp_path / "model")
    if os.geteuid():
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        os.seteuid(65534)
        try:
            with pytest.raises(MachineError, match="may not write"):
                require_writable_target(Path(name) / "new" / "bundle", Path(name) / "model")
        finally:
            os.seteuid(0)


def test_full_disk_leaves_the_old_bundle_as_it_was(
    bundle: Path, trained: Path, run_cli, tmp_path: Path, contents
) -> None:
    """FAULTS E13."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", disk], capture_output=True
        ).returncode
    ):
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        target = shutil.copytree(bundle, disk / "bundle")
        (disk / "filler").write_bytes(b"x" * (shutil.disk_usage(disk).free - 20_000))
        before = contents(target)
        done = run_cli(
            "export", "tflite", trained, "-o", target, *LOOSE, "--seed", "9", "--overwrite"
        )
        assert done.returncode == 4
        assert "the disk is full" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert contents(target) == before
        assert {path.name for path in disk.iterdir()} == {"bundle", "filler"}
    finally:
        subprocess.run(["umount", disk], check=True)


def test_killed_while_publishing_leaves_the_old_bundle_or_the_new(
    bundle: Path, opened, keras_model, tmp_path: Path, contents
) -> None:
    """A child that publishes in a loop is killed at random moments (FAULTS E12)."""
    script = tmp_path / "publish.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom runtime.system.atomic_files import new_folder\n"
        "source, place = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "paths = [path for path in source.rglob('*') if path.is_file()]\n"
        "files = {path.relative_to(source): path.read_bytes() for path in paths}\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    with new_folder(place) as folder:\n"
        "        for name, content in files.items():\n"
        "            (folder / name).parent.mkdir(exist_ok=True)\n"
        "            (folder / name).write_bytes(content)\n"
    )
    place = tmp_path / "out" / "bundle"
    expected = contents(bundle)
    generator = random.Random(1)
    published = False
    for _ in range(15):
        environment = {**os.environ, "PYTHONPATH": str(Path(runtime.__file__).parents[1])}
        with subprocess.Popen(
            [sys.executable, script, bundle, place], stdout=subprocess.PIPE, env=environment
        ) as child:
            try:
                assert child.stdout is not None
                child.stdout.readline()
                deadline = time.monotonic() + generator.uniform(0.0, 0.15)
                while time.monotonic() < deadline:
                    assert place.exists() or not published, (
                        "gone for a moment while it was replaced"
                    )
                    published = published or place.exists()
            finally:
                child.send_signal(signal.SIGKILL)
        if published:
            assert contents(place) == expected
    artifact = Bundle.open(bundle).manifest.artifacts[0]
    record = read_records(bundle)[artifact.file]
    made = ConvertedArtifact(artifact, (bundle / artifact.file).read_bytes(), record)
    update = BundleUpdate(opened, [made], lambda pixels: scores(keras_model, pixels), 7, {})
    publish(place.with_name("other"), update, overwrite=False)
    assert {path.name for path in place.parent.iterdir()} <= {"bundle", "other"}, (
        "leftovers of the killed writers"
    )


def test_manifest_inside_the_model_and_beside_it_agree(exported: Path, opened) -> None:
    beside = Bundle.open(exported).manifest
    inside = bundle_manifest(opened)
    assert (beside.labels, beside.preprocessing) == (inside.labels, inside.preprocessing)
    assert {artifact.file: artifact.sha256 for artifact in beside.artifacts} == {
        name: sha256_of((exported / name).read_bytes())
        for name in ("model.int8.tflite", "model.fp32.onnx")
    }
    assert np.all([artifact.precision in artifact.file for artifact in beside.artifacts])
