"""A bundle or a model file, opened: pictures in, labels and scores out."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.backends import EMBEDDED_MANIFEST, Backend, load_backend
from runtime.bundle import ID_LENGTH, RECOMMENDED, Bundle
from runtime.confidence import tempered
from runtime.digest import digest
from runtime.errors import CheckFailed, InputRefused, MachineError
from runtime.foreign import Foreign
from runtime.manifest import Artifact
from runtime.memory import addresses_left
from runtime.model_file import read_model_file
from runtime.ours import open_ours
from runtime.plugins import Plugin, choose
from runtime.preprocess import preprocess
from runtime.threads import allowed_cores

OPEN_FOREIGN = Plugin("runtime.foreign_file:open_foreign", extra="")
"""Loaded for a file from elsewhere only: reading what such files say of themselves is a tenth of our own part of a start."""
READ_RECOMMENDED = Plugin("runtime.recommended:read_recommended", extra="")
PREFERENCE = (("tflite", "int8"), ("tflite", "mixed"), ("onnx", "int8"))
"""What `Classifier` takes from a bundle that has several artifacts; after these, the first that can run here."""
LARGE = 48 * 2**20
"""Bytes of a model file above which there is one interpreter, whatever is asked for: each may keep its weights once more, in an order of
its own."""


class Prediction(NamedTuple):
    """One class and its score, a probability in 0..1."""

    label: str
    score: float


class Classifier:
    """A loaded model with its labels and preprocessing. `classify` for people, `scores` for programs; threads may share one.

    `id` stands for all of it: that of the bundle it was opened from, or the start of a lone model file's sha256.
    `streams`: how many threads do well to ask it at once, 1 unless it was opened for throughput.
    `confidence` has the temperature of `classify`, and the score below which its answer is unknown; None in a file that says none.
    """

    def __init__(
        self,
        source: Path | str,
        *,
        artifact: str | None = None,
        threads: int | None = None,
        foreign: Foreign | None = None,
        throughput: bool = False,
    ) -> None:
        """Opens a bundle folder, one of its model files taken alone, or a classifier made elsewhere.

        Args:
            source: the folder or the `.tflite` or `.onnx` file.
            artifact: which file of the bundle; by default what `python -m benchmarks recommend` found best on such a machine, else int8
                before float, TFLite before ONNX, of those that can run here.
            threads: of the interpreter; by default what was recommended with it, else every core this process may use; never more.
            foreign: what a classifier made elsewhere does not say of itself: labels, normalisation, ...
            throughput: not the least time for one picture but the most pictures a second, for callers that ask from as many threads at
                once as `streams` then says.

        Raises:
            InputRefused: missing, damaged, or not a model this runtime can feed.
            MachineError: the interpreter for it is not installed.
        """
        path = Path(source)
        cores = allowed_cores()
        self.threads, self.streams, self._throughput = min(threads or cores, cores), 1, throughput
        if os.path.isdir(path):
            _refuse(foreign, path)
            bundle = Bundle.open(path)
            self.file, self.manifest, self.id = path, bundle.manifest, bundle.id
            asked = not (artifact and threads) and os.path.lexists(path / RECOMMENDED)
            recommended = READ_RECOMMENDED.load()(bundle) if asked else None
            if recommended and not throughput and artifact in (None, recommended.artifact):
                self.threads = min(threads or recommended.threads, cores)
            self._load_from(bundle, artifact, recommended.artifact if recommended else "")
        else:
            content = read_model_file(path)
            self.file, self.backend, self.id = path, self._loaded(path, content), digest(content)[:ID_LENGTH]
            if EMBEDDED_MANIFEST in self.backend.metadata:
                _refuse(foreign, path)
                self.manifest, self.model = open_ours(path, self.backend)
            else:
                self.manifest, self.model = OPEN_FOREIGN.load()(path, content, self.backend, foreign or Foreign())
            self.confidence = self.manifest.confidence
        self.labels, self.preprocessing = self.manifest.labels, self.manifest.preprocessing

    @property
    def min_score(self) -> float:
        """Below it, 0..1, an answer of `classify` is unknown; 0 in a file that says nothing of it."""
        return self.confidence.min_score if self.confidence else 0.0

    def classify(self, picture: Path | str | bytes | Image.Image, top: int = 3) -> tuple[Prediction, ...]:
        """The `top` classes of a picture file, its content or an image, the best first.

        Raises:
            PictureRefused: not a readable picture.
            CheckFailed: the model answered NaN.
        """
        return self.answer(preprocess(picture, self.preprocessing), top)

    def answer(self, pixels: NDArray[np.uint8], top: int = 3) -> tuple[Prediction, ...]:
        """The `top` classes of (height, width, 3) uint8 RGB pixels, the best first.

        Raises:
            CheckFailed: the model answered NaN.
        """
        return rank(self.probabilities(pixels), self.labels, top)

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `scores`, at the temperature that was fitted on this file: of the answers with a score of 0.8 about 80 % are right.

        Raises:
            CheckFailed: a score is not a finite number.
        """
        scores = self.scores(pixels)
        return tempered(scores, self.confidence.temperature) if self.confidence else scores

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(height, width, 3) uint8 RGB pixels -> (classes,) float32 scores in the order of `labels`, as the model gives them.

        Raises:
            CheckFailed: a score is not a finite number.
        """
        scores = self.model.predict(pixels)
        if scores.shape != (self.model.classes,):
            raise InputRefused(str(self.file), f"says it gives {self.model.classes} scores and gave {scores.shape}")
        if not np.isfinite(scores).all():
            raise CheckFailed(str(self.file), "the model answered NaN or infinity")
        return scores

    def _loaded(self, path: Path, content: bytes) -> Backend:
        if self._throughput and len(content) <= LARGE and addresses_left() is None:
            self.streams = self.threads
        return load_backend(path, content, self.threads // self.streams)

    def _load_from(self, bundle: Bundle, wanted: str | None, first: str) -> None:
        artifacts = {artifact.file: artifact for artifact in bundle.exported()}
        candidates = (
            [choose(artifacts, wanted, "artifact")]
            if wanted
            else sorted(artifacts.values(), key=lambda one: (one.file != first, _preference(one)))
        )
        missing = []
        for candidate in candidates:
            content = bundle.read(candidate)
            try:
                self.backend = self._loaded(bundle.path / candidate.file, content)
                self.file = bundle.path / candidate.file
                inside, self.model = open_ours(self.file, self.backend, self.manifest)
                self.confidence = inside.confidence
                return
            except MachineError as error:
                missing.append(error)
        raise missing[0]


def rank(scores: NDArray[Any], labels: tuple[str, ...], top: int) -> tuple[Prediction, ...]:
    """The `top` highest of (classes,) scores, ties in label order."""
    order = np.argsort(-scores, kind="stable")[:top]
    return tuple(Prediction(labels[index], float(scores[index])) for index in order)


def _refuse(foreign: Foreign | None, path: Path) -> None:
    if foreign is not None:
        raise InputRefused(str(path), "says its labels and preprocessing itself; options for a model from elsewhere do not go with it")


def _preference(artifact: Artifact) -> int:
    kind = (artifact.format, artifact.precision)
    return PREFERENCE.index(kind) if kind in PREFERENCE else len(PREFERENCE)
