"""Writes the heat maps of `predict --explain` into a folder, one PNG for each image."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from runtime.answer import Prediction
from runtime.arrays import NDArray
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.explanation.explainer import Explainer
from runtime.explanation.picture import draw, png
from runtime.system.atomic_files import require_writable_folder, write_file

MAX_STEM_CHARS, DIGEST_CHARS = 40, 12
NOT_IN_NAMES = re.compile(r"[^\w-]+")


class ExplanationFolder:
    """Draws answers of a classifier and writes them. Several threads may share it."""

    def __init__(self, classifier: Classifier, folder: Path, images: Sequence[str]) -> None:
        """Loads the classifier's file once more. `images` are the sources of the images.

        Raises:
            InputRefused: the folder is a file, or lies in a folder whose images are read.
            MachineError: this user may not write there.
        """
        require_writable_folder(folder / "map.png")
        real = Path(os.path.realpath(folder))
        for image in images:
            if os.path.isdir(image) and Path(os.path.realpath(image)) in (real, *real.parents):
                raise InputRefused(
                    str(folder),
                    f"lies in {image}, where the maps would be taken for images; choose another"
                    " folder for --explain",
                )
        self._labels, self._folder = classifier.labels, folder
        self._explainer = Explainer(classifier)

    def path(self, name: str) -> Path:
        """Returns the file for the image of this name. Other names have other files."""
        stem = NOT_IN_NAMES.sub("_", Path(name).stem)[:MAX_STEM_CHARS]
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / f"{stem}-{digest[:DIGEST_CHARS]}.png"

    def write(self, name: str, pixels: NDArray[np.uint8], best: Prediction) -> None:
        """Writes the heat map of the best answer for an image.

        Raises:
            CheckFailed: the model answers NaN.
            MachineError: the disk is full.
        """
        index = self._labels.index(best.label)
        explanation = self._explainer.explain(pixels, index)
        picture = draw(pixels, explanation, self._explainer.caption(index), best.score)
        write_file(self.path(name), png(picture))
