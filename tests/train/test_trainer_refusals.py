"""Tests what a training refuses before it begins: images, options and missing packages."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from train.commands.table import main
from train.configuration.options import LIMITS, TrainOptions


def test_missing_data_folder(run_cli, tmp_path: Path, refused) -> None:
    assert (
        refused(run_cli("train", tmp_path / "none", "-o", tmp_path / "run"))
        == f"{tmp_path / 'none'}: no such folder"
    )


def test_empty_class_folder(run_cli, tmp_path: Path, cells: Path, refused) -> None:
    data = tmp_path / "data"
    shutil.copytree(cells / "mono", data / "a")
    (data / "b").mkdir()
    assert refused(run_cli("train", data, "-o", tmp_path / "run")).startswith(
        f"{data / 'b'}: an empty class folder"
    )
    assert not (tmp_path / "run").exists()


def test_one_class(run_cli, tmp_path: Path, cells: Path, refused) -> None:
    shutil.copytree(cells / "mono", tmp_path / "data" / "a")
    assert "at least 2" in refused(run_cli("train", tmp_path / "data", "-o", tmp_path / "run"))


def test_flat_images(run_cli, tmp_path: Path, cells: Path, refused) -> None:
    assert "DIR/banana/1.jpg" in refused(run_cli("train", cells / "mono", "-o", tmp_path / "run"))


def test_line_break_and_escape_code_in_a_name_stay_on_one_line(
    run_cli, tmp_path: Path, refused
) -> None:
    line = refused(run_cli("train", tmp_path / "no\n\x1b[31mne"))
    assert "\\n" in line
    assert "\x1b" not in line


@pytest.mark.parametrize(
    "options",
    [
        ("--batch", "0"),
        ("--variants", "0"),
        ("--epochs", "-1"),
        ("--head-epochs", "-1"),
        ("--dropout", "2"),
        ("--patience", "-1"),
        ("--input-size", "0"),
        ("--input-size", "99999"),
        ("--rate", "nan"),
        ("--head-rate", "-1"),
        ("--augment", "-1"),
        ("--augment", "30"),
        ("--label-smoothing", "1"),
        ("--seed", "-1"),
        ("--test-fraction", "1"),
        ("--val-fraction", "0"),
    ],
)
def test_option_out_of_range_is_refused_by_its_name(
    cells: Path, tmp_path: Path, options: tuple[str, str], tiny
) -> None:
    with pytest.raises(InputRefused) as caught:
        main([str(cells), "-o", str(tmp_path / "run"), *tiny, *options])
    assert caught.value.thing == options[0]
    assert "found" in caught.value.reason
    assert not (tmp_path / "run").exists()


def test_no_epochs_at_all_is_refused() -> None:
    with pytest.raises(InputRefused, match="at least one epoch"):
        TrainOptions(epochs=0, head_epochs=0)


def test_every_limit_is_of_an_option_and_allows_its_default() -> None:
    defaults = TrainOptions()
    assert all(hasattr(defaults, name) for name in LIMITS)


def test_option_that_is_not_a_number_is_a_usage_error(run_cli, cells: Path, refused) -> None:
    assert "--batch" in refused(run_cli("train", cells, "--batch", "many"))


def test_unknown_backbone_is_a_usage_error_that_lists_the_known_ones(
    run_cli, cells: Path, refused
) -> None:
    assert "efficientnet-lite0" in refused(run_cli("train", cells, "--backbone", "resnet"))


def test_missing_packages_are_named_with_the_way_to_install_them(
    run_cli,
    bare_python: Callable[..., str],
    cells: Path,
    tmp_path: Path,
    tiny,
) -> None:
    done = run_cli(
        "train",
        cells,
        "-o",
        tmp_path / "run",
        *tiny,
        python=bare_python("numpy", "pillow"),
    )
    assert done.returncode == 4
    assert "pip install '.[train]'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_help_needs_no_packages(run_cli, bare_python: Callable[..., str]) -> None:
    done = run_cli("train", "--help", python=bare_python("numpy", "pillow"))
    assert done.returncode == 0
    assert "--head-rate" in done.stdout
