"""Predicts the images named on the command line and prints a line or JSON object for each.

`python -m runtime predict` and `python -m train predict` share it, so their output is the same.
"""

import argparse
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.answer import Answer, answer_text
from runtime.arrays import NDArray
from runtime.cli.identity import program_name
from runtime.cli.output import error_fields, print_result
from runtime.cli.parser import positive_int_argument
from runtime.errors import DONE, REFUSED, ImageRefused, InputRefused, QuinceError
from runtime.images.decoding import raise_image_refused
from runtime.images.preprocessing import Preprocessing, preprocess
from runtime.sources.base import SOURCES, Frame, Source, open_source
from runtime.system.cgroups import allowed_cores
from runtime.system.prefetch import ordered_parallel_map
from runtime.system.terminal import escape_control_chars, say

if TYPE_CHECKING:  # few users ask for heat maps
    from runtime.explanation.folder import ExplanationFolder

AHEAD_PER_CORE = 4
"""Images that are decoded, or being decoded, for each core while the model works on one."""

ImageInput = Path | Frame | QuinceError
"""An image file, a frame of a clip, or the error to raise in its turn."""

PixelClassifier = Callable[[NDArray[np.uint8]], Answer]
"""Takes (height, width, 3) uint8 RGB pixels and returns the classes, the best first."""


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the images and --top."""
    parser.add_argument(
        "images",
        nargs="+",
        metavar="image",
        help="an image, a folder, a clip, a pattern like '*.jpg', or -: paths on stdin",
    )
    parser.add_argument(
        "--top", type=positive_int_argument, default=3, metavar="K", help="how many classes to show"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="list the hidden files that are left out"
    )


def are_many(sources: Sequence[Source]) -> bool:
    """Checks whether several images of the sources may be worked on at once.

    They may not if the source is one image file, or paths that come one by one.
    """
    types = [source.source_type for source in sources]
    return SOURCES["-"] not in types and types != [SOURCES["image"]]


def predict_images(
    classify: PixelClassifier,
    preprocessing: Preprocessing,
    images: Iterable[ImageInput],
    ahead_per_core: int = AHEAD_PER_CORE,
    streams: int = 1,
    report: Callable[[str], None] = say,
    explanations: "ExplanationFolder | None" = None,
) -> Generator[tuple[ImageInput, Answer | ImageRefused], None, None]:
    """Yields each image with its predictions or the reason to refuse it, in the order of `images`.

    Images are read and decoded ahead on all cores, `ahead_per_core` for each; 0 means only when the
    caller asks. `classify` then runs on one image at a time, in the caller's thread. With several
    `streams`, as many threads each take an image from its file to its predictions. `report`
    receives a line on each image that is used although something is wrong with it. `explanations`
    receives each answer, in the thread of `classify`.
    """

    def read_pixels(image: ImageInput) -> NDArray[np.uint8]:
        if isinstance(image, QuinceError):
            raise image
        if isinstance(image, Path):
            return preprocess(image, preprocessing, lambda remark: report(f"{image}: {remark}"))
        with raise_image_refused(image.name):
            return preprocess(image.image, preprocessing)

    def answer(image: ImageInput, pixels: NDArray[np.uint8]) -> Answer:
        predictions = classify(pixels)
        if explanations:
            explanations.write(_name(image), pixels, predictions[0])
        return predictions

    def read_and_classify(image: ImageInput) -> Answer:
        return answer(image, read_pixels(image))

    cores = allowed_cores() if ahead_per_core else 1
    work: Callable[[ImageInput], Any] = read_pixels
    threads, at_a_time = cores, 1
    if streams > 1:
        work, threads, at_a_time = read_and_classify, streams, ahead_per_core
    results = ordered_parallel_map(
        work, images, threads=threads, ahead=ahead_per_core * cores, batch=at_a_time
    )
    with closing(results):
        for image, result in results:
            try:
                yield image, result() if streams > 1 else answer(image, result())
            except ImageRefused as refusal:
                yield image, refusal


def show_predictions(
    name: str,
    classify: PixelClassifier,
    preprocessing: Preprocessing,
    images: list[str],
    *,
    as_json: bool,
    model_id: str | None = None,
    streams: int = 1,
    verbose: bool = False,
    explanations: "ExplanationFolder | None" = None,
) -> int:
    """Prints the predictions for each image, one line or JSON object each; returns the exit code.

    Refused images are reported on stderr, and in JSON by an object with `error`. Paths on standard
    input are answered as they come.

    Args:
        name: of the program, for stderr.
        classify: the model.
        preprocessing: what the model takes.
        images: the sources from the command line.
        as_json: prints JSON instead of text.
        model_id: goes into the JSON as `bundle_id`.
        streams: how many threads may call `classify` at once.
        verbose: lists the files that are left out, instead of counting them.
        explanations: gets a heat map of each image; in JSON, `explanation` is its file.

    Raises:
        InputRefused: a folder or standard input holds no files, a pattern matches none, or a source
            is a camera.
    """
    total = refused = 0
    sources = [_open_finite(image) for image in images]
    ahead_per_core = AHEAD_PER_CORE if are_many(sources) else 0
    left_out: list[Path] = []
    image_inputs = _all_images(sources, left_out)
    results = predict_images(
        classify,
        preprocessing,
        image_inputs,
        ahead_per_core,
        streams,
        lambda remark: say(f"{name}: {remark}"),
        explanations,
    )
    with closing(results):
        for image, result in results:
            total += 1
            if isinstance(result, ImageRefused):
                refused += 1
                say(f"{name}: {result}")
                if as_json:
                    print_result(_refusal(image, result), as_json=True, text=str)
            else:
                file = explanations.path(_name(image)) if explanations else None
                _show(_name(image), result, model_id, file, as_json=as_json)
    if not total:
        raise InputRefused(sources[0].name, "holds no files")
    if left_out:
        for line in left_out_lines(left_out, verbose=verbose):
            say(f"{name}: {line}")
    if refused:
        say(f"{name}: refused {refused} of {total} files")
    return REFUSED if refused else DONE


def _open_finite(image: str) -> Source:
    source = open_source(image)
    if source.live:
        raise InputRefused(
            source.name, f"never ends; follow it with {program_name('runtime')} camera"
        )
    return source


def left_out_lines(left_out: Sequence[Path | str], *, verbose: bool) -> Iterator[str]:
    """Yields the number of files that a walk left out, or with `verbose` a line for each."""
    reason = "left out: hidden, of a file manager, or a link to a folder above it"
    if verbose:
        yield from (f"{path}: {reason}" for path in left_out)
    elif left_out:
        yield f"{len(left_out)} {reason} (the first: {left_out[0]}; --verbose lists them)"


def _all_images(sources: list[Source], left_out: list[Path]) -> Iterator[ImageInput]:
    """Yields the paths of files, to be decoded at the size that is needed, and the frames of clips.

    A source that fails ends it, and its error is raised in its turn, after the images before it.
    """
    for source in sources:
        try:
            yield from source.paths(left_out) if source.has_paths else source.frames()
        except QuinceError as error:
            yield error
            return


def _name(image: ImageInput) -> str:
    if isinstance(image, Path):
        return str(image)
    return image.name if isinstance(image, Frame) else image.thing


def _refusal(image: ImageInput, refusal: ImageRefused) -> dict[str, Any]:
    return {"image": escape_control_chars(_name(image)), "error": error_fields(refusal)}


def _show(
    name: str,
    answer: Answer,
    model_id: str | None,
    explanation: Path | None,
    *,
    as_json: bool,
) -> None:
    shown_name = escape_control_chars(name)
    record: dict[str, Any] = {"image": shown_name}
    if model_id:
        record |= {
            "bundle_id": model_id,
            "verdict": answer.verdict,
            "unknown": answer.verdict == "unknown",
        }
    if answer.similarity is not None:
        record["similarity"] = answer.similarity
    record["predictions"] = [prediction._asdict() for prediction in answer]
    if explanation:
        record["explanation"] = escape_control_chars(str(explanation))
    print_result(record, as_json=as_json, text=lambda: f"{shown_name}: {answer_line(answer)}")


def answer_line(answer: Answer) -> str:
    """Returns an answer with its scores, on one line."""
    if answer.one_class:
        label = escape_control_chars(answer[0].label)
        words = label if answer.verdict == "known" else f"unknown: not like {label}"
        return f"{words} (similarity {answer[0].score:.3f})"
    ranked = ", ".join(
        f"{escape_control_chars(prediction.label)} {prediction.score:.3f}" for prediction in answer
    )
    if answer.verdict == "known":
        return ranked
    words = escape_control_chars(answer_text(answer.verdict, answer))
    if answer.verdict == "unknown" and answer.similarity is not None:
        return f"{words}: none of these (similarity {answer.similarity:.3f}; {ranked})"
    return f"{words} ({ranked})"
