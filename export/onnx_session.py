"""Holds what all artifacts of an external ONNX classifier share; no Keras, no TensorFlow."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.formats.artifact_spec import ArtifactSpec
from export.parity.evaluate import Outputs, ReferenceOutputs
from export.quantization.calibration_record import describe_calibration
from export.session import Session
from runtime.classifier import Classifier
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import UNNORMALIZED, Normalization
from runtime.system.lazy_loading import requires_extra
from runtime.system.terminal import quiet


class OnnxSession(Session):
    """An opened ONNX classifier.

    The reference is its file as it was, in the interpreter and with the code of the device.
    """

    @cached_property
    def model(self) -> Any:
        """The `OnnxModel` to convert."""
        return self.run.onnx

    @cached_property
    def calibration_description(self) -> dict[str, Any]:
        """The representative dataset as calibration.json describes it."""
        return describe_calibration(self.calibration, self.run.manifest.labels, None)

    @cached_property
    def reference_outputs(self) -> ReferenceOutputs:
        """The scores of the float file; it has no similarities of its own."""
        return lambda pixels: Outputs(self.reference(pixels), None)

    def prepared(self, spec: ArtifactSpec) -> Any:
        """Returns the `OnnxModel`, whatever the spec."""
        return self.model

    def scores_with(
        self, normalization: Normalization | None, pixels: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Returns the (n, classes) scores that the model would give with another normalization."""
        spec = self.run.onnx_spec or ModelSpec()
        changed = spec._replace(normalization=normalization or UNNORMALIZED)
        return _scores(Classifier(self.run.path, spec=changed, checked=True), pixels)

    def imports(self) -> AbstractContextManager[None]:
        """Allows imports of what conversion needs in its block."""
        return _onnx_imports()

    @cached_property
    def _classifier(self) -> Classifier:
        return Classifier(self.run.path, spec=self.run.onnx_spec, checked=True)

    def _compute_scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _scores(self._classifier, pixels)


def _scores(classifier: Classifier, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.stack([classifier.scores(image) for image in pixels])


@contextmanager
def _onnx_imports() -> Generator[None, None, None]:
    with requires_extra("export"), quiet():
        yield
