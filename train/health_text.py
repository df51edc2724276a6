"""The state of a data set as lines of text, for a terminal of 80 columns."""

import unicodedata
from collections.abc import Iterator

from runtime import cli
from train.data import DataSet
from train.health import Health, counts

NAME_COLUMNS, NUMBER_COLUMNS = 43, 9


def table(data: DataSet, rows: int | None = None) -> Iterator[str]:
    """How many files each class has in each split: a heading, at most `rows` classes, and the sum."""
    found = counts(data)
    splits = ("train", "val", "test", "refused")
    yield _line("class", splits)
    for label in data.labels[:rows]:
        yield _line(cli.printable(label), tuple(str(count) for count in found[label].values()))
    if rows is not None and len(data.labels) > rows:
        yield f"... and {len(data.labels) - rows} more classes"
    yield _line(f"{len(data.labels)} classes", tuple(str(sum(picture.split == split for picture in data.pictures)) for split in splits))


def refusals(program: str, data: DataSet, rows: int | None = None) -> Iterator[str]:
    """Each refused file with its reason, at most `rows`."""
    refused = data.split("refused")
    for picture in refused[:rows]:
        yield f"{program}: {data.root / picture.path}: {picture.reason}"
    if rows is not None and len(refused) > rows:
        yield f"{program}: ... and {len(refused) - rows} more"


def measures(health: Health, input_size: int) -> str:
    """One line on the size and colour of the pictures used."""
    used = health.files - health.refused
    colour = f"{health.grey} of {used} grey" if 0 < health.grey < used else "all grey" if health.grey else "all in colour"
    smallest, median, largest = health.sides
    return f"shorter side {smallest} to {largest} pixels, median {median}; input {input_size}; {colour}"


def _line(name: str, numbers: tuple[str, ...]) -> str:
    while _columns(name) >= NAME_COLUMNS:
        name = name.removesuffix("…")[:-1] + "…"
    return name + " " * (NAME_COLUMNS - _columns(name)) + "".join(f"{number:>{NUMBER_COLUMNS}}" for number in numbers)


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
