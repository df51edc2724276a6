"""Decides which images are worth their place, when only so many may be kept.

It is farthest-first in one pass (after Gonzalez, "Clustering to minimize the maximum intercluster
distance", Theoretical Computer Science 38, 1985): an image is worth its distance to the most
similar other one, and what is worth least goes.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from PIL import Image

from runtime.arrays import NDArray
from runtime.inbox.names import Reason

Floats = NDArray[np.float32]

WORTH = {"different": 1.0, "change": 2.0, "unknown": 2.0, "unsure": 2.0}
"""Factors of the distance. What the model does not know teaches it more."""
MIN_WORTH = 0.03
"""An image worth less is not kept, even if there is room: it repeats another one. On 40 photos of
grocery-fruit, noise with a standard deviation of 8 and 3 % more light changed a thumbnail by 0.013,
a shift by a twentieth of the width by 0.046 to 0.092, and other photos differed by 0.16."""
RANDOM_SHARE = 0.1
"""Of the images that may be kept, so many are chosen by chance."""
THUMBNAIL_SIDE = 16
MAX_REMEMBERED = 1000
"""Images that left, to a class folder for example, and are still compared with new ones."""


@dataclass(frozen=True)
class Kept:
    """Describes an image in the inbox: its file's name, its size, and its appearance as a vector.

    reason: "" for the file of another program.
    """

    name: str
    reason: Reason | str
    size: int
    appearance: Floats


def thumbnail(image: Image.Image) -> Floats:
    """Returns (768,) float32 whose Euclidean distance to others is the RMS difference, 0..1."""
    small = image.convert("RGB").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    values = np.asarray(small, np.float32).ravel() / 255
    return np.asarray(values / np.sqrt(len(values)), np.float32)


class Selection:
    """Remembers the images of an inbox, and chooses the one that goes.

    Each step costs one comparison with all images, not of all with all.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self._nearest: dict[str, float] = {}
        self._left: deque[Floats] = deque(maxlen=MAX_REMEMBERED)

    @property
    def size(self) -> int:
        """Returns the bytes of all images that a collector wrote."""
        return sum(kept.size for kept in self.kept.values() if kept.reason)

    @property
    def count(self) -> int:
        """Returns the number of images that a collector wrote."""
        return sum(bool(kept.reason) for kept in self.kept.values())

    def add(self, kept: Kept) -> None:
        """Notes a file that is in the inbox now."""
        distances = self._distances(kept.appearance)
        self._nearest = self._beside(distances)
        self._nearest[kept.name] = float(distances.min(initial=np.inf))
        self.kept[kept.name] = kept

    def drop(self, name: str) -> None:
        """Forgets a file that was removed because it is worth nothing."""
        gone = self.kept.pop(name)
        del self._nearest[name]
        names, distances = list(self.kept), self._distances(gone.appearance)
        for other, distance in zip(names, distances, strict=False):
            if distance <= self._nearest[other] + 1e-6:
                rest = self.kept.pop(other)
                self._nearest[other] = self._distance(rest.appearance)
                self.kept[other] = rest

    def leave(self, names: Collection[str]) -> None:
        """Notes files that others moved; new images are still compared with them."""
        for name in names:
            del self._nearest[name]
            self._left.append(self.kept.pop(name).appearance)

    def clear(self) -> None:
        """Forgets everything, because the appearance will be measured in another way."""
        self.kept.clear()
        self._nearest.clear()
        self._left.clear()

    def worth(self, appearance: Floats, reason: Reason) -> float:
        """Returns what an image is worth that would be added."""
        return self._distance(appearance) * WORTH[reason]

    def least(self, added: Floats) -> tuple[str, float] | None:
        """Returns the image that is worth least beside an added one, and its worth.

        Images that chance chose are left out: to drop them by their appearance would bend the
        sample. So are those without a reason: they are files of the user.
        """
        worths = {
            name: distance * WORTH[self.kept[name].reason]
            for name, distance in self._beside(self._distances(added)).items()
            if self.kept[name].reason not in ("", "random")
        }
        least = min(worths, key=worths.__getitem__, default=None)
        return None if least is None else (least, worths[least])

    def _beside(self, distances: Floats) -> dict[str, float]:
        """Returns each image's distance to the most similar other one, with those to an added."""
        return {
            name: min(self._nearest[name], distance)
            for name, distance in zip(self.kept, distances.tolist(), strict=False)
        }

    def _distance(self, appearance: Floats) -> float:
        return float(self._distances(appearance).min(initial=np.inf))

    def _distances(self, appearance: Floats) -> Floats:
        """Returns the distances to the images, in their order, and then to those that left."""
        rows = [kept.appearance for kept in self.kept.values()] + list(self._left)
        if not rows:
            return np.zeros(0, np.float32)
        return np.asarray(np.linalg.norm(np.stack(rows) - appearance, axis=1), np.float32)
