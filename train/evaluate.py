"""Judges the Keras model of a run folder on pictures whose class is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused
from runtime.manifest import Manifest
from runtime.plugins import Plugin, require
from runtime.preprocess import preprocess
from runtime.quiet import prepare_tensorflow, quiet
from runtime.run_folder import Picture, data_folder, read_run
from train.judged import Judged, judge
from train.labelled import find_pictures, read_batches
from train.scorecard import Scorecard, confident_mistakes, score

MOST_MISTAKES = 10


@dataclass(frozen=True)
class Evaluation:
    """What came of it. trained_on: how many of the pictures took part in the training; mistakes: the most confident ones."""

    run: str
    folder: str
    own_test: bool
    trained_on: int
    refused: int
    scorecard: Scorecard
    mistakes: tuple[Judged, ...]

    def warnings(self) -> list[str]:
        """What a person should know before trusting it."""
        if not self.trained_on:
            return []
        return [f"{self.trained_on} of {self.scorecard.pictures} pictures took part in the training: the accuracy is flattered"]


@dataclass(frozen=True)
class Judgement:
    """An evaluation with all that a page on it is made of."""

    evaluation: Evaluation
    manifest: Manifest
    judged: tuple[Judged, ...]
    refused: tuple[Picture, ...]

    def look(self, one: Judged) -> NDArray[np.uint8]:
        """The (height, width, 3) uint8 RGB pixels of a picture that was judged.

        Raises:
            PictureRefused: it is gone by now.
        """
        return preprocess(Path(self.evaluation.folder) / one.path, self.manifest.preprocessing)


def evaluate(run: Path, folder: Path | None, moved_to: Path | None) -> Judgement:
    """Judges `run` on the pictures of `folder`, by default on its own test pictures, which may have moved.

    Raises:
        InputRefused: the run folder or the folder cannot be used; one of the run's own test pictures is gone or has changed.
        CheckFailed: the model answered NaN.
        MachineError: a package is missing.
    """
    manifest, known = read_run(run)
    pictures = [picture for picture in known if picture.split == "test"] if folder is None else find_pictures(folder, manifest.labels)
    if not pictures:
        raise InputRefused(str(run), "its pictures.csv lists no test pictures; give a folder of pictures to judge it on")
    where = folder or data_folder(manifest, moved_to)
    judged, refused = _judge(run, manifest, where, pictures)
    if not judged:
        raise InputRefused(str(where), f"none of {len(pictures)} files can be used, the first: {refused[0].path}: {refused[0].reason}")
    learned = {picture.sha256 for picture in known if picture.split in ("train", "val")}
    evaluation = Evaluation(
        run=str(run),
        folder=str(where),
        own_test=folder is None,
        trained_on=sum(one.sha256 in learned for one in judged),
        refused=len(refused),
        scorecard=score(manifest.labels, judged),
        mistakes=tuple(confident_mistakes(judged, MOST_MISTAKES)),
    )
    return Judgement(evaluation, manifest, tuple(judged), tuple(refused))


def load_trained(run: Path, manifest: Manifest) -> Any:
    """The train.trained.Trained of a run folder that `read_run` has checked.

    Raises:
        InputRefused: Keras cannot load it.
        MachineError: a package is missing.
    """
    require("a trained model", "train", "tensorflow", "keras")
    prepare_tensorflow()
    with quiet():
        trained = Plugin("train.trained:Trained", extra="train").load()
    return trained(run, manifest)


def _judge(run: Path, manifest: Manifest, folder: Path, pictures: Sequence[Picture]) -> tuple[list[Judged], list[Picture]]:
    model = load_trained(run, manifest)
    judged: list[Judged] = []
    refused: list[Picture] = []
    for batch in read_batches(folder, pictures, manifest.preprocessing):
        refused += [picture for picture, pixels in batch if pixels is None]
        read = [(picture, pixels) for picture, pixels in batch if pixels is not None]
        if read:
            scores = model.scores(np.stack([pixels for _, pixels in read]))
            judged += judge(manifest.labels, [picture for picture, _ in read], scores)
    return judged, refused
