"""Run folders that cannot be exported are refused, saying what is wrong (FAULTS E1, T20)."""

import json
import zipfile
from pathlib import Path

import pytest

from export.inputs.trained_run import open_run
from runtime.errors import InputRefused


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def another_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


BROKEN = {
    "no such file": Path.unlink,
    "empty file": lambda path: path.write_bytes(b""),
    "cut": truncated,
    "not a Keras file .*zip": lambda path: path.write_bytes(b"\xff\xd8\xff\xe0 an image"),
    "not a Keras file .*config.json": another_zip,
    "not a file": as_folder,
    "changed or damaged": flipped,
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_model_is_refused_by_name(run_copy: Path, reason: str) -> None:
    BROKEN[reason](run_copy / "model.keras")
    with pytest.raises(InputRefused, match=f"model.keras: .*{reason}"):
        open_run(run_copy, None)


def test_command_line_says_it_in_one_line(run_copy: Path, run_cli) -> None:
    truncated(run_copy / "model.keras")
    done = run_cli("export", "tflite", run_copy)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"python -m export: {run_copy}/model.keras: cut: the end of the Keras file is missing"
    ]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"no manifest\.json"):
        open_run(tmp_path, None)


def test_an_image_that_changed_since_training_is_refused(
    run_copy: Path, cells: Path, tmp_path: Path
) -> None:
    run = open_run(run_copy, tmp_path)
    image = run.split("test")[0]
    with pytest.raises(InputRefused, match="No such file.*--data"):
        run.read(image)
    (tmp_path / image.path).parent.mkdir()
    (tmp_path / image.path).write_bytes((cells / image.path).read_bytes())
    assert run.read(image)
    (tmp_path / image.path).write_bytes(b"another")
    with pytest.raises(InputRefused, match="changed since the training"):
        run.read(image)


def test_a_table_of_images_that_does_not_hold_up_is_refused(run_copy: Path) -> None:
    (run_copy / "images.csv").write_text("split,label,path,sha256,reason\nvalley,a,b,c,d\n")
    with pytest.raises(InputRefused, match="row 2"):
        open_run(run_copy, None)


def test_a_manifest_of_another_schema_is_refused(run_copy: Path) -> None:
    manifest = json.loads((run_copy / "manifest.json").read_text())
    (run_copy / "manifest.json").write_text(json.dumps({**manifest, "schema": 3}))
    with pytest.raises(InputRefused, match="schema 2, found 3"):
        open_run(run_copy, None)


def test_a_class_renamed_by_hand_is_refused(run_copy: Path) -> None:
    table = run_copy / "images.csv"
    table.write_text(table.read_text().replace("test,mono", "test,other"))
    with pytest.raises(InputRefused, match="the class 'other'"):
        open_run(run_copy, None)
