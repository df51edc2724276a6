"""A run opened for export: its Keras model, its scores and its representative dataset, each made once for all artifacts."""

import importlib
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.bundle_writer import bundle_manifest
from export.calibration import Calibration, choose_calibration
from export.calibration_file import describe
from export.formats import FORMATS
from export.kind import CALIBRATED, Kind
from export.latency import Latency, measure
from export.stability import stability
from export.trained import Run, balanced
from runtime.atomic import scratch_folder
from runtime.classifier import Classifier
from runtime.confidence import Confidence
from runtime.digest import digest
from runtime.errors import InputRefused
from runtime.plugins import Plugin
from runtime.preprocess import preprocess
from runtime.progress import Progress
from runtime.quiet import prepare_tensorflow, quiet

SAMPLE = 8
"""Test pictures on which the Keras model's scores are checked to be probabilities, before anything is converted."""


class Session:
    """Loads TensorFlow and the model when they are first needed."""

    def __init__(self, run: Run, place: Path, ending: ExitStack, calibration: int, seed: int, epochs: int) -> None:
        """A session on `run`.

        Args:
            run: where the model and the pictures are.
            place: where the scratch folder of model files lies.
            ending: closes with the session, and with it goes the scratch folder of model files.
            calibration: pictures at most in the representative dataset.
            seed: of their choice.
            epochs: of quantization-aware fine-tuning at most.
        """
        self.run = run
        self._place, self._ending, self._count, self._seed, self._epochs = place, ending, calibration, seed, epochs
        self._scores: dict[str, NDArray[np.float32]] = {}
        self._prepared: dict[tuple[bool, bool], Any] = {}
        self._files = 0

    @cached_property
    def _scratch(self) -> Path:
        return self._ending.enter_context(scratch_folder(self._place))

    @cached_property
    def calibration(self) -> Calibration:
        """The representative dataset."""
        return choose_calibration(self.run, self._count, self._seed)

    @cached_property
    def described(self) -> dict[str, Any]:
        """The representative dataset as calibration.json has it, with how stable the ranges are that it gives."""
        with Progress("calibration halves", 1) as bar:
            description = describe(self.calibration, stability(self.model, self.reference, self.calibration))
            bar.advance()
        return description

    @cached_property
    def model(self) -> Any:
        """The Keras model, on raw pixels, its scores checked to be probabilities on a few test pictures."""
        model = _load("export.keras_model:load")(self.run.model, self.run.preparation)
        check = _load("export.keras_model:check_probabilities")
        here, told = tuple(model.input_shape[1:3]), self.run.manifest.preprocessing
        if here != (told.height, told.width):
            sizes = f"{here[0]}x{here[1]} pixels, its manifest.json says {told.height}x{told.width}"
            raise InputRefused(str(self.run.path), f"its model takes {sizes}; train again")
        check(model, self._test_pixels(SAMPLE), str(self.run.model), softmax_added=self.run.preparation.softmax)
        return model

    def reference(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The Keras model's scores, (n, classes) float32, of (n, height, width, 3) uint8 RGB pixels; known ones are remembered."""
        key = digest(pixels.tobytes())
        if key not in self._scores:
            self._scores[key] = _load("export.keras_model:scores")(self.model, pixels)
        return self._scores[key]

    def convert(self, kind: Kind) -> bytes:
        """The content of a model file."""
        pictures = self.calibration.pixels if kind.precision in CALIBRATED else np.empty((0, 0, 0, 3), np.uint8)
        model = self.prepared(kind)
        content: bytes = _load(FORMATS[kind.format].convert)(model, kind, pictures, bundle_manifest(self.run))
        return content

    def with_confidence(self, kind: Kind, content: bytes, confidence: Confidence) -> bytes:
        """The model file `content` with what was fitted on it in its manifest."""
        finished: bytes = _load(FORMATS[kind.format].with_manifest)(content, replace(bundle_manifest(self.run), confidence=confidence))
        return finished

    def write(self, file: str, content: bytes) -> Path:
        """A file called `file` of this content, which goes when the session ends."""
        self._files += 1
        path = self._scratch / str(self._files) / file
        path.parent.mkdir()
        path.write_bytes(content)
        return path

    def latencies(self, files: Mapping[str, Path]) -> dict[str, Latency]:
        """How long one test picture takes here with each model file, by the names given, measured in turn."""
        return measure({name: Classifier(path) for name, path in files.items()}, self._test_pixels(1)[0])

    def _test_pixels(self, count: int) -> NDArray[np.uint8]:
        """(n, height, width, 3) uint8 RGB of at most `count` test pictures."""
        pictures = balanced(self.run.split("test"), count, self._seed)
        return np.stack([preprocess(self.run.read(picture), self.run.manifest.preprocessing) for picture in pictures])

    def prepared(self, kind: Kind) -> Any:
        """The Keras model that `kind` is converted from: the run's own, equalized or fine-tuned if the kind says so."""
        how = (kind.equalized, kind.qat)
        if how not in self._prepared:
            model = self.model
            if kind.equalized:
                with Progress("equalize", 1) as bar:
                    model = _load("export.equalization:equalize")(model, self.calibration.pixels)
                    bar.advance()
            if kind.qat:
                model = _load("export.qat:fine_tune")(model, self.run, self.calibration.pixels, self._epochs, self._seed)
            self._prepared[how] = model
        return self._prepared[how]

    def layer_errors(self, kind: Kind) -> list[dict[str, Any]]:
        """What quantization does to each layer of a TFLite model in int8 or mixed, the most hurt first."""
        with Progress("error of each layer", 1) as bar:
            errors = _load("export.formats.tflite_layers:layer_errors")(self.prepared(kind), self.calibration.pixels, kind)
            bar.advance()
        return [asdict(error) for error in errors]


def _load(target: Plugin | str) -> Any:
    if "tensorflow" not in sys.modules:
        with Progress("load TensorFlow", 1) as bar, quiet():
            prepare_tensorflow()
            importlib.import_module("tensorflow")
            bar.advance()
    with quiet():
        return (Plugin(target, extra="export") if isinstance(target, str) else target).load()
