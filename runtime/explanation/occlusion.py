"""Measures how far a class's score falls while a part of the image is hidden.

The method is that of Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks",
ECCV 2014, section 4.2. It needs no knowledge of the model.
"""

from collections.abc import Callable
from itertools import product

import numpy as np

from runtime.arrays import NDArray

CELLS, PATCH = 8, 2
"""The image is divided into 8 x 8 cells, and a patch hides 2 x 2 of them: 82 runs of the model."""

Pixels = NDArray[np.uint8]


def occlusion_map(score: Callable[[Pixels], float], pixels: Pixels) -> NDArray[np.float32]:
    """Returns (8, 8) float32: the mean fall of the score over the patches that hide a cell.

    Patches have the image's mean colour. At the border they reach beyond it, so that each cell is
    hidden as often as any other.

    Args:
        score: of the class, for (height, width, channels) uint8 pixels.
        pixels: the image.
    """
    rows, columns = (
        np.linspace(0, side, CELLS + 1).round().astype(int) for side in pixels.shape[:2]
    )
    colour = pixels.mean((0, 1)).round().astype(np.uint8)
    whole = score(pixels)
    falls = np.zeros((CELLS, CELLS), np.float32)
    for cells in product(range(1 - PATCH, CELLS), repeat=2):
        top, left = (max(0, cell) for cell in cells)
        bottom, right = (min(CELLS, cell + PATCH) for cell in cells)
        hidden = pixels.copy()
        hidden[rows[top] : rows[bottom], columns[left] : columns[right]] = colour
        falls[top:bottom, left:right] += whole - score(hidden)
    return falls / np.float32(PATCH**2)
