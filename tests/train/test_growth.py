"""Tests what a training takes over from an old run, and how images are added to it."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.errors import InputRefused
from runtime.inbox.names import burst_of, kept_name
from train.configuration.options import TrainOptions
from train.data.dataset import Dataset
from train.data.preparation import decode_images
from train.data.split import SplitFractions
from train.growth import find_growth, old_options
from workstation.run_folder import ImageRecord, read_images

BURSTS = [f"20261129T1854{number:02}Z-{number:06x}" for number in range(60)]


def draw(folder: Path, burst: int, number: int = 1, reason: str = "unsure") -> Path:
    """Writes an image of a burst; those of one burst are alike."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(burst).integers(0, 220, (10, 10, 3)) + number
    path = folder / kept_name(BURSTS[burst], number, reason)  # type: ignore[arg-type]
    Image.fromarray(values.astype(np.uint8)).resize((300, 300)).save(path, quality=95)
    return path


@pytest.fixture
def add(tmp_path: Path) -> Path:
    """Ten bursts of two images of a known class, and ten of a new one."""
    for number in range(20):
        for image in (1, 2):
            draw(tmp_path / "inbox/labelled" / ("mono" if number < 10 else "new"), number, image)
    return tmp_path / "inbox/labelled"


@pytest.fixture
def grow(cache: Path) -> Callable[..., Dataset]:
    def run(old: Path, add: Path, data: Path | None = None) -> Dataset:
        growth = find_growth(old, add, data, None)
        options = old_options(growth, TrainOptions())
        return decode_images(growth.folder, options, SplitFractions(), cache, growth=growth)[0]

    return run


def used(images: list[ImageRecord] | tuple[ImageRecord, ...]) -> dict[str, ImageRecord]:
    return {image.sha256: image for image in images if image.split != "refused"}


def write_run(trained: Path, run: Path, data: Dataset) -> Path:
    """Makes a run of these images; its model is that of `trained`."""
    from workstation.run_folder import write_images

    shutil.copytree(trained, run)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["labels"] = list(data.labels)
    (run / "manifest.json").write_text(json.dumps(manifest))
    write_images(run, list(data.images))
    return run


def test_old_images_keep_their_splits_and_bursts_stay_whole(
    trained: Path, add: Path, grow, capsys: pytest.CaptureFixture[str]
) -> None:
    old, data = used(read_images(trained)), grow(trained, add)
    assert data.labels == ("mono", "new", "poly")
    now = used(data.images)
    assert {sha256: now[sha256].split for sha256 in old} == {
        sha256: image.split for sha256, image in old.items()
    }
    new = [image for sha256, image in now.items() if sha256 not in old]
    assert len(new) == 40
    splits_of_burst: dict[str, set[str]] = {}
    for image in new:
        splits_of_burst.setdefault(burst_of(Path(image.path).name), set()).add(image.split)
    assert all(len(splits) == 1 for splits in splits_of_burst.values())
    for label in ("mono", "new"):
        counts = Counter(image.split for image in new if image.label == label)
        assert counts["test"] == 4, "a fifth"
        assert counts["val"] == 2
    assert f"its {len(old)} images keep their splits; new ones: 28 train, 4 val, 8 test" in (
        capsys.readouterr().err
    )


def test_chance_chose_what_is_tested_first(trained: Path, tmp_path: Path, grow) -> None:
    for number in range(20):
        draw(tmp_path / "add/new", number, reason="random" if number in (3, 17) else "unknown")
    data = grow(trained, tmp_path / "add")
    tested = [Path(image.path).name for image in data.split("test") if image.label == "new"]
    assert {kept_name(BURSTS[number], 1, "random") for number in (3, 17)} <= set(tested)


def test_new_image_like_an_old_test_image_is_tested_too(
    trained: Path, cells: Path, tmp_path: Path, grow
) -> None:
    tested = next(image for image in read_images(trained) if image.split == "test")
    folder = tmp_path / "add" / tested.label
    folder.mkdir(parents=True)
    Image.open(cells / tested.path).convert("RGB").save(folder / "again.jpg", quality=90)
    data = grow(trained, tmp_path / "add")
    (again,) = [image for image in data.images if image.path.endswith("again.jpg")]
    assert (again.split, bool(again.group)) == ("test", True)


def test_few_images_of_a_known_class_are_for_training(trained: Path, tmp_path: Path, grow) -> None:
    for number in range(4):
        draw(tmp_path / "add/poly", number)
    data = grow(trained, tmp_path / "add")
    assert {image.split for image in data.images if burst_of(Path(image.path).name)} == {"train"}


def test_copy_of_an_old_image_is_refused_and_the_old_one_stays(
    trained: Path, cells: Path, add: Path, grow
) -> None:
    tested = next(image for image in read_images(trained) if image.split == "test")
    shutil.copy(cells / tested.path, add / "new" / "copy.png")
    data = grow(trained, add)
    (copy,) = data.split("refused")
    assert copy.path.endswith("copy.png")
    assert f"an exact copy of {tested.path}" in copy.reason
    assert used(data.images)[tested.sha256].split == "test"


def test_added_images_may_get_another_class_or_leave_before_the_next_training(
    trained: Path, add: Path, grow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = grow(trained, add)
    run = write_run(trained, tmp_path / "second", first)
    moved = sorted((add / "new").iterdir())[0]
    moved.rename(add / "mono" / moved.name)
    sorted((add / "new").iterdir())[-1].unlink()
    draw(add / "new", 40)
    second = grow(run, add)
    before, now = used(first.images), used(second.images)
    shared = before.keys() & now.keys()
    assert (len(before) - len(shared), len(now) - len(shared)) == (1, 1)
    assert all(before[sha256].split == now[sha256].split for sha256 in shared)
    changed = [now[sha256] for sha256 in shared if before[sha256].label != now[sha256].label]
    assert [(Path(image.path).name, image.label) for image in changed] == [(moved.name, "mono")]
    assert "leaves out 1 image no longer in" in capsys.readouterr().err


def test_nothing_new_is_refused_before_the_training(
    trained: Path, add: Path, tmp_path: Path, grow
) -> None:
    run = write_run(trained, tmp_path / "run", grow(trained, add))
    with pytest.raises(InputRefused, match="that .*run lacks, found none; label some"):
        grow(run, add)
    moved = next((add / "new").iterdir())
    moved.rename(add / "mono" / moved.name)
    grow(run, add)  # a label was corrected


def test_an_earlier_run_of_other_images_is_replaced_only_on_request(
    trained: Path, run_copy: Path, add: Path, cache: Path, run_cli
) -> None:
    words = ("train", "--from", trained, "--add", add, "-o", run_copy, "--cache", cache)
    done = run_cli(*words)
    assert done.returncode == 2
    reason = f"other images than {add} has now; use --overwrite or another -o"
    assert done.stderr.splitlines()[-1].endswith(reason)


def test_old_image_that_is_gone_is_refused_by_name(
    trained: Path, cells: Path, add: Path, grow, tmp_path: Path
) -> None:
    copy = tmp_path / "moved"
    shutil.copytree(cells, copy)
    assert len(used(grow(trained, add, copy).images)) == len(used(read_images(trained))) + 40
    tested = next(image for image in read_images(trained) if image.split == "test")
    (copy / tested.path).write_bytes(b"no image")
    with pytest.raises(InputRefused, match=re.escape(tested.path)):
        grow(trained, add, copy)


def test_added_folder_as_the_place_of_the_old_images_is_refused(
    trained: Path, add: Path, grow
) -> None:
    """Or else all old images would count as gone from the inbox, and be left out."""
    with pytest.raises(InputRefused, match="holds none of the images of"):
        grow(trained, add, add)


@pytest.mark.parametrize("case", ["no folder", "empty", "not a run", "data gone"])
def test_what_cannot_grow_is_refused(trained: Path, add: Path, tmp_path: Path, case: str) -> None:
    run, data = trained, None
    if case == "no folder":
        add = tmp_path / "nothing"
    elif case == "empty":
        add = tmp_path / "empty"
        (add / "mono").mkdir(parents=True)
    elif case == "not a run":
        run = tmp_path
    else:
        data = tmp_path / "nothing"
    with pytest.raises(InputRefused):
        find_growth(run, add, data, None)


def test_options_are_those_of_the_old_run_but_for_what_the_user_changes(
    trained: Path, add: Path
) -> None:
    growth = find_growth(trained, add, None, None)
    before = json.loads((trained / "manifest.json").read_text())["provenance"]["made_by"]["options"]
    options = old_options(growth, TrainOptions(epochs=3))
    assert options.epochs == 3
    assert options.backbone == before["backbone"]
    assert options.input_size == growth.manifest.preprocessing.width
    assert options.variants == before["variants"]
    before["views"] = before.pop("variants") + 1
    del before["width_factor"]
    before |= {"width": 0.5, "region": "0,0,0.5,1"}
    made_by = {"made_by": {"options": before}}
    old = replace(growth, manifest=replace(growth.manifest, provenance=made_by))
    options = old_options(old, TrainOptions())
    assert (options.variants, options.width_factor) == (before["views"], 0.5), "their older names"
    assert options.region == (0.0, 0.0, 0.5, 1.0)


def test_command_keeps_the_better_start_and_images_may_arrive_meanwhile(
    trained: Path, add: Path, start_train, wait_for, tmp_path: Path, run_cli
) -> None:
    words = ["--from", trained, "--add", add, "-o", tmp_path / "run"]
    process = start_train(*words, "--head-epochs", "2", "--epochs", "1")
    wait_for("3 classes at", process)
    draw(add / "new", 50)
    draw(add / "another", 51)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    found = re.search(
        r"validation accuracy (\S+) \(loss (\S+)\) from the old weights, (\S+) \((\S+)\) from the"
        r" base; keeps that from the (\w+)",
        output + errors,
    )
    assert found, output + errors
    old_accuracy, old_loss, base_accuracy, base_loss = map(float, found.groups()[:4])
    is_better = (old_accuracy, -old_loss) > (base_accuracy, -base_loss)
    assert found[5] == ("old" if is_better else "base")
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert manifest["provenance"]["results"]["kept_weights"].endswith(
        f"from the {found[5]}" + (" weights" if is_better else "")
    )
    images = read_images(tmp_path / "run")
    assert not [image for image in images if BURSTS[50] in image.path or BURSTS[51] in image.path]
    assert not list(tmp_path.glob("run.partial*"))
    evaluated = run_cli("train", "evaluate", tmp_path / "run")
    assert evaluated.returncode == 0, evaluated.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--from", "run"], "needs --add"),
        (["--add", "x"], "needs --from"),
        ([], "or --from RUN --add DIR"),
        (["--from", "no-run", "--add", "x"], "no-run"),
    ],
)
def test_half_a_command_is_refused(run_cli, words: list[str], message: str) -> None:
    done = run_cli("train", *words)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
