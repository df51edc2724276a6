"""Opens a bundle or a model file as a classifier: images in, labels and scores out."""

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from runtime.answer import NO_THRESHOLDS, Answer, Thresholds, rank
from runtime.arrays import NDArray
from runtime.backends.base import EMBEDDED_MANIFEST, Backend, load_backend
from runtime.bundles.bundle import ID_LENGTH, RECOMMENDED, Bundle
from runtime.errors import CheckFailed, InputRefused, MachineError
from runtime.file_formats.read_model_file import read_model_file
from runtime.images.preprocessing import preprocess
from runtime.models.confidence import apply_temperature
from runtime.models.manifest import Artifact
from runtime.models.outputs import SIMILARITY
from runtime.models.quince_model import open_bundled_model, open_quince_model
from runtime.system.cgroups import allowed_cores
from runtime.system.hashing import sha256_of
from runtime.system.lazy_loading import lookup
from runtime.system.memory import address_space_left, keep_freed_memory, reserve_heap

if TYPE_CHECKING:  # a bundle needs none
    from runtime.models.model_spec import ModelSpec

PREFERENCE = (("tflite", "int8"), ("tflite", "mixed"), ("onnx", "int8"))
"""What `Classifier` takes first from a bundle with several artifacts; then any that runs here."""
MAX_SHARED_BYTES = 48 * 2**20
"""A larger model file gets one interpreter only: each may keep its own copy of the weights."""


class Classifier:
    """Holds a loaded model with its labels and preprocessing; several threads may share it.

    People use `classify`, programs `scores`.

    id: identifies the model with all its data. It is the id of the bundle, or the start of a single
        model file's sha256.
    remark: what Quince does otherwise than the files beside an external model state; or empty.
    streams: how many threads should use it at once; 1 unless it was opened for throughput.
    confidence: the temperature of `classify`, and what `export` fitted the thresholds on; None if
        the file has none.
    thresholds: the limits below which an answer is unsure or unknown; the caller may replace them.
    """

    def __init__(
        self,
        source: Path | str,
        *,
        artifact: str | None = None,
        threads: int | None = None,
        spec: "ModelSpec | None" = None,
        throughput: bool = False,
        checked: bool = False,
    ) -> None:
        """Opens a bundle folder, a single model file of it, or a model that was made elsewhere.

        Args:
            source: the folder, or the `.tflite` or `.onnx` file.
            artifact: which file of the bundle. The default is what `python -m benchmarks recommend`
                found best on a machine like this one; without that, int8 before float and TFLite
                before ONNX, among the files that can run here.
            threads: of the interpreter. The default is the recommended number, else every core that
                this process may use; a larger number is reduced to that.
            spec: what a model from elsewhere does not store: labels, normalization, ...
            throughput: aims at the most images a second instead of the least time for one image.
                The caller then uses as many threads as `streams` says.
            checked: a model file that this program has just made, or that may crash this process;
                others are tried in a child process once.

        Raises:
            InputRefused: missing, damaged, or not a model that this runtime can feed.
            MachineError: its interpreter is not installed.
        """
        path = Path(source)
        cores = allowed_cores()
        self.threads = min(threads or cores, cores)
        self.streams, self.remark = 1, ""
        self._throughput = throughput
        try:
            if os.path.isdir(path):
                _refuse_spec(spec, path)
                self._open_bundle(Bundle.open(path), artifact, threads)
            else:
                self._open_file(path, spec, checked)
        finally:
            keep_freed_memory()  # a refused model may be followed by images, too
        self.labels, self.preprocessing = self.manifest.labels, self.manifest.preprocessing
        self.thresholds = NO_THRESHOLDS
        if self.confidence:
            confidence = self.confidence
            self.thresholds = Thresholds(confidence.min_score, confidence.min_similarity)

    @property
    def is_one_class(self) -> bool:
        """Whether the model tells its only class from all else.

        The score of an image is then its similarity, or 0 if that is negative.
        """
        return len(self.labels) == 1

    def require_similarities(self, option: str) -> None:
        """Raises InputRefused, naming `option`, if the model file has no similarities."""
        if self.model.second != SIMILARITY:
            raise InputRefused(option, f"{self.file} has no similarities; use --min-score")

    def require_scores(self, option: str) -> None:
        """Raises InputRefused, naming `option`, if a similarity is all that the model answers."""
        if self.is_one_class:
            raise InputRefused(option, f"{self.file} has one class; use --min-similarity")

    def classify(self, image: Path | str | bytes | Image.Image, top: int = 3) -> Answer:
        """Returns the `top` classes of an image file, of its content or of an image, best first.

        The answer is a tuple of predictions with a verdict: "known", "unsure" or "unknown".

        Raises:
            ImageRefused: not a readable image.
            CheckFailed: the model answered NaN.
        """
        return self.answer(preprocess(image, self.preprocessing), top)

    def answer(self, pixels: NDArray[np.uint8], top: int = 3) -> Answer:
        """Returns the `top` classes of (height, width, 3) uint8 RGB pixels, best first.

        Raises:
            CheckFailed: the model answered NaN.
        """
        probabilities, similarity = self.outputs(pixels)
        ranked = rank(probabilities, self.labels, max(top, 1))
        verdict = self.thresholds.verdict(ranked[0].score, similarity)
        return Answer(ranked[:top], verdict, similarity, one_class=self.is_one_class)

    def outputs(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float | None]:
        """Returns (classes,) probabilities, 0..1, and the highest similarity to a class, -1..1.

        The probabilities are `scores` at the temperature that was fitted on this file: about 80 %
        of the answers with a score of 0.8 are right. A similarity is the cosine between the
        features of the image and the nearest look of a class; None if the file has none.

        Raises:
            CheckFailed: a value is not a finite number.
        """
        scores, similarities = self.raw_outputs(pixels)
        if self.confidence and not self.is_one_class:
            scores = apply_temperature(scores, self.confidence.temperature)
        return scores, None if similarities is None else max(similarities.tolist())

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the first part of `outputs`."""
        return self.outputs(pixels)[0]

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the model's own (classes,) float32 scores, in the order of `labels`.

        Args:
            pixels: (height, width, 3) uint8 RGB.

        Raises:
            CheckFailed: a score is not a finite number.
        """
        return self.raw_outputs(pixels)[0]

    def raw_outputs(
        self, pixels: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Returns `scores`, and the similarities or another second output of the model file.

        Raises:
            CheckFailed: a value is not a finite number.
        """
        scores, second = self.model.predict_both(pixels)
        if scores.shape != (self.model.classes,):
            raise InputRefused(
                str(self.file),
                f"expected {self.model.classes} scores from the model, found {scores.shape}",
            )
        if not (_all_finite(scores) and (second is None or _all_finite(second))):
            raise CheckFailed(str(self.file), "the model answered NaN or infinity")
        if self.is_one_class and second is not None and self.model.second == SIMILARITY:
            scores = second.clip(0, 1)
        return scores, second

    def _open_bundle(self, bundle: Bundle, artifact: str | None, threads: int | None) -> None:
        self.manifest, self.id = bundle.manifest, bundle.id
        recommended = None
        if not (artifact and threads) and os.path.lexists(bundle.path / RECOMMENDED):
            # Imported here, because it takes 1.7 % of the instructions of a start of predict.
            from runtime.bundles.recommendation import read_recommendation

            recommended = read_recommendation(bundle)
        if recommended and not self._throughput and artifact in (None, recommended.artifact):
            self.threads = min(threads or recommended.threads, allowed_cores())
        self._load_artifact(bundle, artifact, recommended.artifact if recommended else "")

    def _open_file(self, path: Path, spec: "ModelSpec | None", checked: bool) -> None:
        reserve_heap(path)
        content = read_model_file(path)
        self.file = path
        sha256 = sha256_of(content)
        self.id = sha256[:ID_LENGTH]
        if not checked:
            # Imported here, because a bundle needs no first load.
            from runtime.models.first_load.first_load import require_first_load

            require_first_load(path, sha256, spec)
        self.backend = self._load(path, content)
        if EMBEDDED_MANIFEST in self.backend.metadata:
            _refuse_spec(spec, path)
            self.manifest, self.model = open_quince_model(path, self.backend)
        else:
            # Imported here, because it takes 9 % of the instructions of a start of predict.
            from runtime.models.external_model import open_external

            self.manifest, self.model, self.remark = open_external(
                path, content, self.backend, spec
            )
        self.confidence = self.manifest.confidence

    def _load_artifact(self, bundle: Bundle, chosen: str | None, recommended: str) -> None:
        """Loads the chosen artifact, or else the first in order of preference that runs here."""
        artifacts = {artifact.file: artifact for artifact in bundle.exported()}
        if chosen:
            candidates = [lookup(artifacts, chosen, "artifact")]
        else:
            candidates = sorted(
                artifacts.values(),
                key=lambda artifact: (artifact.file != recommended, _preference(artifact)),
            )
        errors = []
        for candidate in candidates:
            reserve_heap(bundle.path / candidate.file)
            content = bundle.read(candidate, at_start=True)
            try:
                self.backend = self._load(bundle.path / candidate.file, content)
                self.file = bundle.path / candidate.file
                own_manifest, self.model = open_bundled_model(
                    self.file, content, self.backend, self.manifest
                )
                self.confidence = own_manifest.confidence
                return
            except MachineError as error:
                errors.append(error)
        raise errors[0]

    def _load(self, path: Path, content: bytes) -> Backend:
        if self._throughput and len(content) <= MAX_SHARED_BYTES and address_space_left() is None:
            self.streams = self.threads
        return load_backend(path, content, self.threads // self.streams)


def _all_finite(values: NDArray[np.float32]) -> bool:
    """Tells whether none of the (n,) values is NaN or infinite (see `confidence.FEW_CLASSES`)."""
    return math.isfinite(sum(values.tolist()))


def _refuse_spec(spec: "ModelSpec | None", path: Path) -> None:
    if spec is not None:
        raise InputRefused(
            str(path),
            "the file stores its labels and preprocessing itself; leave out the options for a model"
            " from elsewhere",
        )


def _preference(artifact: Artifact) -> int:
    kind = (artifact.format, artifact.precision)
    return PREFERENCE.index(kind) if kind in PREFERENCE else len(PREFERENCE)
