"""Compares networks on an image folder; writes choice.json, choice.png and the model files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runtime.bundles.bundle import MANIFEST
from runtime.cli.identity import program_name
from runtime.errors import InputRefused, MachineError
from runtime.shared.statistics import count_objects
from runtime.system.atomic_files import write_file
from runtime.system.lazy_loading import requires_extra
from runtime.system.terminal import quiet, say
from train.configuration.options import TrainOptions
from train.data.dataset import Dataset
from train.data.dataset_report import listing_refused, report_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import ImageFolder, scan_image_folder
from train.data.preparation import decode_images, prepare
from train.data.split import SplitFractions
from train.selection.candidates import NetworkCandidate, list_candidates
from train.selection.choice import CandidateRow, ChoiceLimits, Measured, choose, nearest, table_rows
from train.selection.timing import Timing, measure, read_timings
from workstation.keras_setup import prepare_tensorflow

RESULT, PLOT, MODELS, LATENCY = "choice.json", "choice.png", "models", "latency.json"
CALIBRATION_IMAGES = 16
"""The ranges of a file that is only timed need few images."""
MEASURED_HERE = "this machine"


@dataclass(frozen=True)
class ComparisonOptions:
    """States what to compare.

    backbones, sizes: empty: see `list_candidates`.
    latency: a result of `bench latency` on the device; None: this machine is measured.
    """

    backbones: Sequence[str]
    sizes: Sequence[int]
    limits: ChoiceLimits
    latency: Path | None


@dataclass(frozen=True)
class NetworkChoice:
    """Holds the table of candidates, and the choice.

    choice: its name; empty: nothing is within the limits. nearest: the choice, or what exceeds the
        limits least. options: of the nearest.
    latency_from: where the latencies are from: "this machine", or the name of a file.
    """

    folder: str
    rows: tuple[CandidateRow, ...]
    choice: str
    nearest: str
    options: TrainOptions
    latency_from: str
    val_images: int
    val_objects: int


def select_network(
    data: Path, folder: Path, options: TrainOptions, comparison: ComparisonOptions, *, cache: Path
) -> NetworkChoice:
    """Compares the candidates on `data` and chooses one; writes the results into `folder`.

    The test images are not read.

    Raises:
        InputRefused: the data, the latency file or an option cannot be used.
        MachineError: no candidate has its weights here, a package is missing, the disk is full.
    """
    if (folder / MANIFEST).exists():
        raise InputRefused(str(folder), "is a run folder or a bundle; choose another -o")
    images = scan_image_folder(data)
    candidates = list_candidates(images, comparison.backbones, comparison.sizes)
    timings: Mapping[str, Timing] | None = None
    if comparison.latency:
        timings = read_timings(comparison.latency, {one.name for one in candidates})
        candidates = _timed(candidates, timings, comparison.latency)
    first = candidates[0].options(options)
    with listing_refused(program_name("train"), data):
        prepared = prepare(data, folder, first, cache=cache, packages=("scipy",))
    report_dataset(prepared, strict=False)
    prepare_tensorflow()
    evaluator = _CandidateEvaluator(images, prepared.data, options, cache, measures=timings is None)
    evaluator.evaluate(candidates)
    if timings is None:
        timings = _measure(evaluator.files, folder)
    measured = [Measured(one, evaluator.right[one], timings[one.name]) for one in evaluator.right]
    return _write(folder, prepared.data, measured, options, comparison)


def _timed(
    candidates: Sequence[NetworkCandidate], timings: Mapping[str, Timing], path: Path
) -> tuple[NetworkCandidate, ...]:
    """Returns the candidates whose latency is known, and names the others."""
    unknown = [one.name for one in candidates if one.name not in timings]
    if unknown:
        say(f"{path}: has no measurement of {', '.join(unknown)}; they are left out")
    return tuple(one for one in candidates if one.name in timings)


class _CandidateEvaluator:
    """Computes the answers of the candidates, and their model files if `measures` is set."""

    def __init__(
        self,
        images: ImageFolder,
        data: Dataset,
        options: TrainOptions,
        cache: Path,
        *,
        measures: bool,
    ) -> None:
        self.right: dict[NetworkCandidate, Any] = {}
        self.files: dict[str, Path] = {}
        self._images, self._data, self._options = images, data, options
        self._cache, self._measures = cache, measures
        self._pixels: dict[int, PixelCache] = {}

    def evaluate(self, candidates: Sequence[NetworkCandidate]) -> None:
        """Fills `right` and `files`; candidates without weights here are named and left out.

        Raises:
            MachineError: none of them has its weights here.
        """
        missing: dict[tuple[str, float | None], MachineError] = {}
        for candidate in candidates:
            weights = candidate.backbone, candidate.width
            if weights in missing:
                continue
            try:
                self._evaluate(candidate)
            except _WeightsMissing as error:
                missing[weights] = error
        if not self.right:
            raise next(iter(missing.values()))
        for fault in missing.values():
            say(f"left out: {fault}")

    def _evaluate(self, candidate: NetworkCandidate) -> None:
        with quiet(), requires_extra("train", "choosing a network"):
            from train.selection.candidate_model import (
                build_candidate,
                right_answers,
                timing_model_file,
            )
        options = candidate.options(self._options)
        pixels, data = self._pixels_of(options), self._data
        try:
            model = build_candidate(options, pixels, len(data.labels))
        except MachineError as error:
            raise _WeightsMissing(error.thing, error.reason) from error
        features = self._cache / "features"
        self.right[candidate] = right_answers(model, data, pixels, features, candidate.name)
        if self._measures:
            some = [image.sha256 for image in data.split("train")]
            some = some[:: max(1, len(some) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES]
            self.files[candidate.name] = timing_model_file(
                model, pixels.read(some), candidate.name, self._cache / "candidates"
            )

    def _pixels_of(self, options: TrainOptions) -> PixelCache:
        """Returns the images in the geometry of `options`; their splits are always the same."""
        size = options.input_size
        assert size is not None
        if size not in self._pixels:
            fractions = SplitFractions(options.test_fraction, options.val_fraction)
            self._pixels[size] = decode_images(self._images, options, fractions, self._cache)[1]
        return self._pixels[size]


class _WeightsMissing(MachineError):
    """The pretrained weights of a candidate are not here."""


def _measure(files: Mapping[str, Path], folder: Path) -> Mapping[str, Timing]:
    """Copies the model files to `folder`, for a board, and measures them here."""
    copies = [folder / MODELS / file.name for file in files.values()]
    for file, copy in zip(files.values(), copies, strict=True):
        write_file(copy, file.read_bytes())
    return measure(copies, folder / LATENCY)


def _write(
    folder: Path,
    data: Dataset,
    measured: Sequence[Measured],
    options: TrainOptions,
    comparison: ComparisonOptions,
) -> NetworkChoice:
    with quiet(), requires_extra("train", "choosing a network"):
        from train.selection.plot import plot_choice
    groups = [image.group for image in data.split("val")]
    limits = comparison.limits
    chosen = choose(measured, limits)
    near = chosen or nearest(measured, limits)
    choice = NetworkChoice(
        str(folder),
        table_rows(measured, limits, groups, chosen),
        chosen.candidate.name if chosen else "",
        near.candidate.name,
        near.candidate.options(options),
        comparison.latency.name if comparison.latency else MEASURED_HERE,
        len(groups),
        count_objects(groups),
    )
    write_file(folder / RESULT, json.dumps(asdict(choice) | asdict(limits), indent=2) + "\n")
    plot_choice(folder / PLOT, choice.rows, limits)
    return choice
