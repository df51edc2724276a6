"""Naming what is in pictures, on the command line: the same words and lines for every kind of model."""

import argparse
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime import cli
from runtime.ahead import work_ahead
from runtime.classifier import Prediction
from runtime.errors import InputRefused, PictureRefused, QuinceError
from runtime.opening import refusals
from runtime.preprocess import Preprocessing, preprocess
from runtime.sources import SOURCES, Frame, Source, open_source
from runtime.threads import allowed_cores

AHEAD = 4
"""Pictures decoded, or being decoded, for each core while the model works on one."""

Given = Path | Frame | QuinceError
"""A picture file, a frame of a clip, or what is to be raised in its place."""

Answer = Callable[[NDArray[np.uint8]], tuple[Prediction, ...]]
"""A model with its labels: (height, width, 3) uint8 RGB pixels -> its classes, the best first."""


def add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the pictures and --top."""
    parser.add_argument(
        "pictures", nargs="+", metavar="picture", help="a picture, a folder, a clip, a pattern like '*.jpg', or -: paths on stdin"
    )
    parser.add_argument("--top", type=cli.positive, default=3, metavar="K", help="how many classes to show")


def are_many(sources: Sequence[Source]) -> bool:
    """Whether several of their pictures may be worked on at once: not of one picture file, nor of paths that come one by one."""
    kinds = [source.kind for source in sources]
    return SOURCES["-"] not in kinds and kinds != [SOURCES["picture"]]


def answer_pictures(
    answer: Answer, preprocessing: Preprocessing, pictures: Iterable[Given], ahead: int = AHEAD, streams: int = 1
) -> Generator[tuple[Given, tuple[Prediction, ...] | PictureRefused], None, None]:
    """What `answer` says of each picture, or why it is refused, in the order of the pictures.

    They are read and decoded ahead on all cores, `ahead` for each (0: when they are asked for); the answers are given one at a time, in
    the caller's thread. With more `streams` than one, as many threads take a picture each from its file to its answer.
    """

    def pixels(picture: Given) -> NDArray[np.uint8]:
        if isinstance(picture, QuinceError):
            raise picture
        if isinstance(picture, Path):
            return preprocess(picture, preprocessing)
        with refusals(picture.name):
            return preprocess(picture.image, preprocessing)

    def answered(picture: Given) -> tuple[Prediction, ...]:
        return answer(pixels(picture))

    apart, cores = streams > 1, allowed_cores()
    work: Callable[[Given], Any] = answered if apart else pixels
    with closing(
        work_ahead(work, pictures, threads=streams if apart else cores, ahead=ahead * cores, at_a_time=ahead if apart else 1)
    ) as done:
        for picture, result in done:
            try:
                yield picture, result() if apart else answer(result())
            except PictureRefused as refusal:
                yield picture, refusal


def show_predictions(
    name: str,
    answer: Answer,
    preprocessing: Preprocessing,
    pictures: list[str],
    *,
    as_json: bool,
    model_id: str | None = None,
    min_score: float = 0.0,
    streams: int = 1,
) -> int:
    """Prints what `answer` says of each picture, one line or JSON object each; the program `name` says on stderr which are refused.

    Paths on standard input are answered one by one, as they come. `model_id`: which JSON gives as `id`. `min_score`: below it, 0..1, the
    answer is unknown. `streams`: how many threads may ask `answer` at once. Returns the exit code.

    Raises:
        InputRefused: a folder or standard input holds no files, a pattern matches none, or a camera is named.
    """
    found = refused = 0
    sources = [_finite(open_source(picture)) for picture in pictures]
    with closing(answer_pictures(answer, preprocessing, _all(sources), AHEAD if are_many(sources) else 0, streams)) as answers:
        for picture, outcome in answers:
            found += 1
            if isinstance(outcome, PictureRefused):
                refused += 1
                cli.say(f"{name}: {outcome}")
            else:
                _show(_name(picture), outcome, model_id, min_score, as_json=as_json)
    if not found:
        raise InputRefused(sources[0].name, "holds no files")
    if refused:
        cli.say(f"{name}: refused {refused} of {found} files")
    return cli.REFUSED if refused else cli.DONE


def _finite(source: Source) -> Source:
    if source.live:
        raise InputRefused(source.name, "goes on for ever; python -m runtime camera follows it")
    return source


def _all(sources: list[Source]) -> Iterator[Given]:
    """Of files their paths, so that they are decoded at the size that is needed; of clips their frames.

    A source that fails is the last, and its error is raised in its turn: what was found before it is still answered.
    """
    for source in sources:
        try:
            yield from source.paths() if source.of_files else source.frames()
        except QuinceError as error:
            yield error
            return


def _name(picture: Given) -> str:
    if isinstance(picture, Path):
        return str(picture)
    return picture.name if isinstance(picture, Frame) else picture.thing


def _show(name: str, predictions: tuple[Prediction, ...], model_id: str | None, min_score: float, *, as_json: bool) -> None:
    unknown = predictions[0].score < min_score
    known = {"picture": cli.printable(name)} | ({"id": model_id, "unknown": unknown} if model_id else {})
    result = {**known, "predictions": [prediction._asdict() for prediction in predictions]}
    ranked = ", ".join(f"{cli.printable(one.label)} {one.score:.3f}" for one in predictions)
    cli.show(result, as_json=as_json, text=lambda: f"{cli.printable(name)}: {f'unknown ({ranked})' if unknown else ranked}")
