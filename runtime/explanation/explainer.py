"""Finds the part of an image that speaks for a class, in the model file that runs on the device."""

from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from runtime.arrays import NDArray
from runtime.bundles.bundle import EXAMPLES, ID_LENGTH, PARITY
from runtime.bundles.examples import Neighbour, read_examples
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.explanation.linear_head import LinearHead, open_linear_head
from runtime.explanation.occlusion import occlusion_map
from runtime.file_formats.read_model_file import read_model_file
from runtime.system.hashing import sha256_of

Method = Literal["class activation map", "occlusion", "features left out"]

SMALLEST = 1e-6
FLOOR = 0.2
"""What is weaker than a fifth of the strongest place is left out.

Zhou et al. (CVPR 2016, section 3.2) find objects with the same threshold. Without it, features that
see a little of the object beside them give the background a tenth of the map.
"""


class Explanation(NamedTuple):
    """Shows where an image speaks for a class.

    map: (height, width) float32 of the pixels' size. 1 is the place that speaks most for the class,
        and 0 one that speaks little for it, or against it. It is 0 everywhere if nothing speaks for
        the class.
    method: how it was made.
    unlike: of a model of one class. 1 is then the place that makes the image least like the
        training images.
    nearest: the training images that are most similar, if the bundle holds any.
    """

    map: NDArray[np.float32]
    method: Method
    unlike: bool = False
    nearest: tuple[Neighbour, ...] = ()


def open_head(classifier: Classifier) -> tuple[LinearHead | None, str]:
    """Returns the head of a classifier's file, None if it ends otherwise, and the file's sha256.

    Raises:
        InputRefused: the file is another one by now.
    """
    content = read_model_file(classifier.file)
    own = {artifact.sha256 for artifact in classifier.manifest.artifacts}
    sha256 = sha256_of(content)
    if sha256[:ID_LENGTH] != classifier.id and sha256 not in own:
        raise InputRefused(str(classifier.file), "was replaced after it was opened; open it again")
    return open_linear_head(classifier, content), sha256


class Explainer:
    """Explains answers of a classifier. Several threads may share it.

    A file that ends with an average over all places and one linear layer has an exact map; of
    others, parts of the image are hidden one after another.
    """

    def __init__(self, classifier: Classifier) -> None:
        """Loads the classifier's file once more, and the examples beside it.

        Raises:
            InputRefused: the file is another one by now, or the examples are damaged.
        """
        self._classifier = classifier
        self.head, self._sha256 = open_head(classifier)
        folder = classifier.file.parent
        is_bundle = (folder / PARITY).is_file()  # elsewhere the name may be of any file
        self._examples = read_examples(folder) if is_bundle else None

    def caption(self, class_index: int) -> str:
        """Returns the words that stand before the score of a class below its map."""
        label = self._classifier.labels[class_index]
        return f"similarity to {label}" if self._classifier.is_one_class else label

    def explain(self, pixels: NDArray[np.uint8], class_index: int) -> Explanation:
        """Returns what speaks for a class in (height, width, channels) uint8 pixels.

        Of a model of one class it returns what speaks against it.

        Raises:
            CheckFailed: the model answers NaN.
            InputRefused: the examples do not fit the model file.
        """
        features = self.head.features(pixels) if self.head else None
        nearest = () if features is None else self._nearest(features.mean((0, 1)))
        if self._classifier.is_one_class:
            return self._unlike(pixels, features)._replace(nearest=nearest)
        if self.head and features is not None:
            values = self.head.map_of_features(features, class_index)
            heat = _scaled(values, pixels.shape)
            return Explanation(heat, "class activation map", nearest=nearest)
        scores = self._classifier.scores
        values = occlusion_map(lambda hidden: float(scores(hidden)[class_index]), pixels)
        return Explanation(_scaled(values, pixels.shape), "occlusion")

    def _nearest(self, features: NDArray[np.float32]) -> tuple[Neighbour, ...]:
        """Returns the training images whose features are most similar to (size,) ones."""
        rows = self._examples.features.get(self._sha256) if self._examples else None
        if self._examples is None or rows is None:
            return ()
        if rows.shape[1] != len(features):
            raise InputRefused(
                str(self._classifier.file.with_name(EXAMPLES)),
                f"expected {len(features)} features, found {rows.shape[1]}; copy the bundle again",
            )
        return self._examples.nearest(self._sha256, features)

    def _unlike(
        self, pixels: NDArray[np.uint8], features: NDArray[np.float32] | None
    ) -> Explanation:
        """Returns what makes (height, width, channels) uint8 pixels unlike the training images."""
        if self.head and features is not None:
            values = gain_without(features, self.head.kernel[:, 0])
            return Explanation(_scaled(values, pixels.shape), "features left out", unlike=True)
        scores = self._classifier.scores
        values = occlusion_map(lambda hidden: -float(scores(hidden)[0]), pixels)
        return Explanation(_scaled(values, pixels.shape), "occlusion", unlike=True)


def gain_without(features: NDArray[np.float32], direction: NDArray[np.float32]) -> Any:
    """Returns how much more similar an image would be without each of its places.

    The similarity of an image is the cosine between a direction and the sum of the features of all
    places. So that of the others is known exactly, without running the model again.

    Args:
        features: (height, width, size) float32.
        direction: (size,) float32.
    """
    rows = features.reshape(-1, features.shape[-1]).astype(np.float64)
    unit = direction / max(float(np.linalg.norm(direction)), SMALLEST)
    total = rows.sum(0)

    def cosine(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = sums @ unit / np.linalg.norm(sums, axis=-1).clip(SMALLEST)
        return values

    gains = cosine(total - rows) - cosine(total)
    return gains.reshape(features.shape[:2]).astype(np.float32)


def explain(classifier: Classifier, pixels: NDArray[np.uint8], class_index: int) -> Explanation:
    """Returns what speaks for a class in (height, width, channels) uint8 pixels.

    It opens the model file again; for several images take one `Explainer`.

    Raises:
        InputRefused, CheckFailed: as `Explainer`.
    """
    return Explainer(classifier).explain(pixels, class_index)


def _scaled(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Returns a map at the size of the image, from 0 at FLOOR to 1 at its largest value."""
    values = np.nan_to_num(values)
    largest = values.max() if values.max() > 0 else 1
    share = np.maximum(values / largest - FLOOR, 0) / (1 - FLOOR)
    image = Image.fromarray(share.astype(np.float32))
    enlarged = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(enlarged, np.float32).clip(0, 1)
