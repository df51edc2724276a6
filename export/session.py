"""Holds what all artifacts of a run share, each made once: model, scores, calibration."""

import sys
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.formats.artifact_spec import ArtifactSpec
from export.inputs.trained_run import TrainedRun, stratified_sample
from export.options import ExportOptions
from export.parity.evaluate import ReferenceOutputs
from export.parity.latency import Latency, measure_in_turn
from export.parity.similarity_sample import SimilaritySample, choose_sample
from export.quantization.calibration import Calibration, choose_calibration
from export.quantization.calibration_record import describe_calibration
from export.quantization.calibration_stability import measure_stability
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.images.preprocessing import preprocess
from runtime.models.normalization import Normalization
from runtime.shared.progress import Progress
from runtime.system.atomic_files import scratch_folder
from runtime.system.hashing import sha256_of
from runtime.system.lazy_loading import requires_extra
from runtime.system.terminal import quiet
from workstation.keras_setup import prepare_tensorflow

CHECKED_IMAGES = 8
"""Test images on which the Keras model's scores must be probabilities before the conversion."""


class Session:
    """An opened run. TensorFlow and the model are loaded when they are first needed.

    folder: the one that the bundle goes into.
    """

    def __init__(self, run: TrainedRun, options: ExportOptions, folder: Path) -> None:
        """Opens a session; a scratch folder for model files appears in `folder` when needed."""
        self.run, self.options, self.folder = run, options, folder
        self._ending = ExitStack()
        self._scores: dict[str, NDArray[np.float32]] = {}
        self._prepared: dict[tuple[bool, bool], Any] = {}
        self._files = 0

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: Any) -> None:
        self._ending.__exit__(*error)  # an OSError becomes the scratch folder's MachineError

    @cached_property
    def _scratch(self) -> Path:
        return self._ending.enter_context(scratch_folder(self.folder))

    @cached_property
    def calibration(self) -> Calibration:
        """The representative dataset."""
        return choose_calibration(self.run, self.options.calibration_images, self.options.seed)

    @cached_property
    def calibration_description(self) -> dict[str, Any]:
        """The representative dataset as calibration.json describes it, with its stability."""
        with Progress("calibration halves", 1) as bar:
            stability = measure_stability(self.model, self.reference, self.calibration)
            bar.advance()
        return describe_calibration(self.calibration, self.run.manifest.labels, stability)

    @cached_property
    def model(self) -> Any:
        """The Keras model on raw pixels; its scores of a few test images are probabilities."""
        with tensorflow_imports():
            from export.inputs.keras_loader import (
                check_probabilities,
                check_scores_differ,
                load_flat_model,
            )
        one_class = self.run.is_one_class
        model = load_flat_model(self.run.model, self.run.preparation, one_class=one_class)
        shape, expected = model.input_shape[1:], self.run.manifest.preprocessing.shape
        if shape != expected:
            raise InputRefused(
                str(self.run.path),
                f"expected a model of (height, width, channels) {expected}, as manifest.json says,"
                f" found one of {shape}; train again",
            )
        if one_class:  # its answer is the similarity
            return model
        pixels = self.test_pixels(CHECKED_IMAGES)
        name = str(self.run.path if self.run.is_external else self.run.model)
        softmax_added = self.run.preparation.softmax
        check_probabilities(model, pixels, name, softmax_added=softmax_added)
        if not self.run.is_external:  # there `check_baseline` looks for another normalization
            check_scores_differ(model, pixels, name)
        return model

    def reference(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the reference's scores, (n, classes) float32, and remembers them.

        `pixels` are (n, height, width, channels) uint8.
        """
        key = sha256_of(pixels.tobytes())
        if key not in self._scores:
            self._scores[key] = self._compute_scores(pixels)
        return self._scores[key]

    def _compute_scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with tensorflow_imports():
            from export.inputs.keras_loader import scores
        result: NDArray[np.float32] = scores(self.model, pixels)
        return result

    @cached_property
    def similarity_sample(self) -> SimilaritySample | None:
        """The training images that prototypes come from; None if the run has none."""
        if not any(image.split == "train" for image in self.run.images):
            return None
        decoded = {}
        # Only if they were decoded anyway: a float export needs no calibration images.
        if "calibration" in self.__dict__:
            images = self.calibration.images
            decoded = {
                image.path: pixels
                for image, pixels in zip(images, self.calibration.pixels, strict=True)
            }
        return choose_sample(self.run, self.options.seed, self.reference, decoded)

    @cached_property
    def reference_outputs(self) -> ReferenceOutputs:
        """The Keras model with the similarities to prototypes of its own."""
        with tensorflow_imports():
            from export.parity.keras_outputs import keras_outputs
        return keras_outputs(self.model, self.similarity_sample, self.run.manifest.labels)

    def reference_scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns what the scores of a file are compared with, (n, classes) float32.

        These are the Keras model's scores, or its similarities if it has one class.
        """
        if self.run.is_one_class:
            return self.reference_outputs(pixels).scores
        return self.reference(pixels)

    def scores_with(
        self, normalization: Normalization | None, pixels: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Returns the (n, classes) scores that the model would give with another normalization.

        Raises:
            QuinceError: the model cannot take it.
        """
        with self.imports():
            from export.inputs.keras_loader import load_flat_model, scores
        changed = replace(self.run.preparation, normalization=normalization)
        return scores(load_flat_model(self.run.model, changed), pixels)

    def imports(self) -> AbstractContextManager[None]:
        """Allows imports of what conversion needs in its block."""
        return tensorflow_imports()

    def prepared(self, spec: ArtifactSpec) -> Any:
        """Returns the Keras model to convert: equalized or fine-tuned if the spec says so."""
        key = (spec.equalized, spec.qat)
        if key not in self._prepared:
            self._prepared[key] = self._prepare(spec)
        return self._prepared[key]

    def _prepare(self, spec: ArtifactSpec) -> Any:
        model = self.model
        if spec.equalized:
            with tensorflow_imports():
                from export.quantization.cross_layer_equalization import equalize
            with Progress("equalize", 1) as bar:
                model = equalize(model, self.calibration.pixels)
                bar.advance()
        if spec.qat:
            with tensorflow_imports():
                from export.quantization.quantization_aware_training import fine_tune
            options, pixels = self.options, self.calibration.pixels
            model = fine_tune(model, self.run, pixels, options.qat_epochs, options.seed)
        return model

    def write(self, file: str, content: bytes) -> Path:
        """Writes a file of this name that goes when the session ends."""
        self._files += 1
        path = self._scratch / str(self._files) / file
        path.parent.mkdir()
        path.write_bytes(content)
        return path

    def latencies(self, files: Mapping[str, Path]) -> dict[str, Latency]:
        """Measures how long one test image takes with each model file, by the same names."""
        classifiers = {name: Classifier(path, checked=True) for name, path in files.items()}
        return measure_in_turn(classifiers, self.test_pixels(1)[0])

    def test_pixels(self, count: int) -> NDArray[np.uint8]:
        """Returns (n, height, width, channels) uint8 of at most `count` test images."""
        images = stratified_sample(self.run.split("test"), count, self.options.seed)
        preprocessing = self.run.manifest.preprocessing
        return np.stack([preprocess(self.run.read(image), preprocessing) for image in images])


@contextmanager
def tensorflow_imports() -> Generator[None, None, None]:
    """Allows imports of modules that need TensorFlow in its block; loads it quietly, once."""
    with requires_extra("export"):
        if "tensorflow" not in sys.modules:
            with Progress("load TensorFlow", 1) as bar, quiet():
                prepare_tensorflow()
                import tensorflow  # noqa: F401

                bar.advance()
        with quiet():
            yield
