"""Writes the state of a data set as lines of text, for a terminal of 80 columns."""

import unicodedata
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.errors import InputRefused
from runtime.shared.wording import counted
from runtime.system.terminal import escape_control_chars, say
from train.data.dataset import ClassTooSmall, Dataset
from train.data.preparation import PreparedData
from train.data.quality import DataQuality, count_by_class
from workstation.run_folder import ImageRecord

MAX_REFUSED, MAX_CLASSES = 10, 30
NAME_COLUMNS, NUMBER_COLUMNS = 43, 9


def report_dataset(prepared: PreparedData, *, strict: bool) -> None:
    """Writes to stderr what was found in the images, before a training on them begins.

    Raises:
        InputRefused: a file was refused, and `strict` is set.
    """
    program = program_name("train")
    data, quality, size = prepared.data, prepared.quality, prepared.pixels.preprocessing.width
    for line in refused_lines(program, data.root, data.split("refused"), MAX_REFUSED):
        say(line)
    if strict and quality.refused:
        raise InputRefused(
            str(data.root), f"{quality.refused} of {quality.files} files were refused (--strict)"
        )
    for finding in quality.faults + quality.remarks:
        say(f"{program}: {data.root}: {finding}")
    for line in (*class_table(data, MAX_CLASSES), size_line(quality, size)):
        say(line, escaped=True)
    counts = ", ".join(f"{len(data.split(split))} {split}" for split in ("train", "val", "test"))
    if strange := data.split("strange"):
        counts += f", {len(strange)} of other classes to measure"
    say(
        f"{counted(len(data.labels), 'class', 'classes')} at {size}x{size} pixels: {counts}, "
        f"{quality.refused} refused of {quality.files} files"
    )


def class_table(data: Dataset, max_classes: int | None = None) -> Iterator[str]:
    """Yields the number of files by class and split, with a heading and the sum.

    Control characters in the names are escaped.
    """
    counts = count_by_class(data)
    splits = ("train", "val", "test", "refused")
    yield _row("class", splits)
    for label in data.labels[:max_classes]:
        numbers = tuple(str(count) for count in counts[label].values())
        yield _row(escape_control_chars(label), numbers)
    if max_classes is not None and len(data.labels) > max_classes:
        yield f"... and {len(data.labels) - max_classes} more classes"
    sums = tuple(str(sum(image.split == split for image in data.images)) for split in splits)
    yield _row(f"{len(data.labels)} classes", sums)


def refused_lines(
    program: str, root: Path, refused: Sequence[ImageRecord], max_files: int | None = None
) -> Iterator[str]:
    """Yields each refused file with its reason, at most `max_files` of them."""
    for image in refused[:max_files]:
        yield f"{program}: {root / image.path}: {image.reason}"
    if max_files is not None and len(refused) > max_files:
        yield f"{program}: ... and {len(refused) - max_files} more"


@contextmanager
def listing_refused(
    program: str, root: Path, max_files: int | None = MAX_REFUSED
) -> Generator[None, None, None]:
    """Says which files are refused before the error that a class has too few other images."""
    try:
        yield
    except ClassTooSmall as error:
        for line in refused_lines(program, root, error.refused, max_files):
            say(line)
        raise


def size_line(quality: DataQuality, input_size: int) -> str:
    """Returns one line on the size and colour of the images that are used."""
    used = quality.files - quality.refused
    if not quality.grey:
        colour = "all in colour"
    elif quality.grey < used:
        colour = f"{quality.grey} of {used} grey"
    else:
        colour = "all grey"
    smallest, median, largest = quality.sides
    return (
        f"shorter side {smallest} to {largest} pixels, median {median}; "
        f"input {input_size}; {colour}"
    )


def _row(name: str, numbers: tuple[str, ...]) -> str:
    while _columns(name) >= NAME_COLUMNS:
        name = name.removesuffix("…")[:-1] + "…"
    padding = " " * (NAME_COLUMNS - _columns(name))
    return name + padding + "".join(f"{number:>{NUMBER_COLUMNS}}" for number in numbers)


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
