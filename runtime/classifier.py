"""A bundle or a model file, opened: pictures in, labels and scores out."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.backends import BACKENDS, EMBEDDED_MANIFEST, Backend
from runtime.bundle import Bundle
from runtime.errors import CheckFailed, InputRefused, MachineError
from runtime.manifest import Artifact, Manifest
from runtime.model_file import read_model_file
from runtime.plugins import choose
from runtime.preprocess import preprocess
from runtime.threads import allowed_cores

PREFERENCE = (("tflite", "int8"), ("tflite", "mixed"), ("onnx", "int8"))
"""What `Classifier` takes from a bundle that has several artifacts; after these, the first that can run here."""


@dataclass(frozen=True)
class Prediction:
    """One class and its score, a probability in 0..1."""

    label: str
    score: float


class Classifier:
    """A loaded model with its labels and preprocessing. `classify` for people, `scores` for programs."""

    def __init__(self, source: Path | str, *, artifact: str | None = None, threads: int | None = None) -> None:
        """Opens a bundle folder, or one of its model files taken alone.

        Args:
            source: the folder or the `.tflite` or `.onnx` file.
            artifact: which file of the bundle; by default int8 before float, TFLite before ONNX, of those that can run here.
            threads: of the interpreter; by default every core this process may use, and never more.

        Raises:
            InputRefused: missing, damaged, or not a model this runtime can feed.
            MachineError: the interpreter for it is not installed.
        """
        path = Path(source)
        self.threads = min(threads or allowed_cores(), allowed_cores())
        if os.path.isdir(path):
            bundle = Bundle.open(path)
            self.file, self.manifest = path, bundle.manifest
            self._load_from(bundle, artifact)
        else:
            self.file, self.backend = path, _backend(path, read_model_file(path), self.threads)
            self.manifest = _embedded(path, self.backend)
        self._check()
        self.labels, self.preprocessing = self.manifest.labels, self.manifest.preprocessing

    def classify(self, picture: Path | str | bytes | Image.Image, top: int = 3) -> tuple[Prediction, ...]:
        """The `top` classes of a picture file, its content or an image, the best first.

        Raises:
            PictureRefused: not a readable picture.
            CheckFailed: the model answered NaN.
        """
        scores = self.scores(preprocess(picture, self.preprocessing))
        return rank(scores, self.labels, top)

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(height, width, 3) uint8 RGB pixels -> (classes,) float32 scores in the order of `labels`.

        Raises:
            CheckFailed: a score is not a finite number.
        """
        scores = self.backend.predict(pixels)
        if scores.shape != (self.backend.classes,):
            raise InputRefused(str(self.file), f"says it gives {self.backend.classes} scores and gave {scores.shape}")
        if not np.isfinite(scores).all():
            raise CheckFailed(str(self.file), "the model answered NaN or infinity")
        return scores

    def _load_from(self, bundle: Bundle, wanted: str | None) -> None:
        artifacts = {artifact.file: artifact for artifact in bundle.manifest.artifacts if f".{artifact.format}" in BACKENDS}
        if not artifacts:
            raise bundle.without_models()
        candidates = [choose(artifacts, wanted, "artifact")] if wanted else sorted(artifacts.values(), key=_preference)
        missing = []
        for candidate in candidates:
            content = bundle.read(candidate)
            try:
                self.backend = _backend(bundle.path / candidate.file, content, self.threads)
                self.file = bundle.path / candidate.file
                return
            except MachineError as error:
                missing.append(error)
        raise missing[0]

    def _check(self) -> None:
        wanted, found = self.manifest.preprocessing, self.backend.input_shape
        if found != (1, wanted.height, wanted.width, 3):
            raise InputRefused(str(self.file), f"its input is {found}, its manifest says (1, {wanted.height}, {wanted.width}, 3)")
        if self.backend.classes != len(self.manifest.labels):
            raise InputRefused(str(self.file), f"has {self.backend.classes} outputs, its manifest {len(self.manifest.labels)} labels")
        if EMBEDDED_MANIFEST in self.backend.metadata:
            inside = _embedded(self.file, self.backend)
            if (inside.labels, inside.preprocessing) != (self.manifest.labels, self.manifest.preprocessing):
                raise InputRefused(str(self.file), "the labels or preprocessing inside it are not those of the bundle's manifest")


def rank(scores: NDArray[Any], labels: tuple[str, ...], top: int) -> tuple[Prediction, ...]:
    """The `top` highest of (classes,) scores, ties in label order."""
    order = np.argsort(-scores, kind="stable")[:top]
    return tuple(Prediction(labels[index], float(scores[index])) for index in order)


def _backend(path: Path, content: bytes, threads: int) -> Backend:
    if path.suffix not in BACKENDS:
        raise InputRefused(str(path), f"expected a model file ending in {' or '.join(BACKENDS)}")
    try:
        interpreter = BACKENDS[path.suffix].load()
    except MachineError as error:
        raise MachineError(str(path), error.reason) from error
    backend: Backend = interpreter(str(path), content, threads)
    return backend


def _embedded(path: Path, backend: Backend) -> Manifest:
    if EMBEDDED_MANIFEST not in backend.metadata:
        raise InputRefused(str(path), "has no Quince manifest inside; it is cut, or was not exported by python -m export")
    return Manifest.from_json(backend.metadata[EMBEDDED_MANIFEST], f"{path}:{EMBEDDED_MANIFEST}")


def _preference(artifact: Artifact) -> int:
    kind = (artifact.format, artifact.precision)
    return PREFERENCE.index(kind) if kind in PREFERENCE else len(PREFERENCE)
