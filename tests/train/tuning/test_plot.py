"""trials.png shows all finished trials, and marks the best one."""

from pathlib import Path

import numpy as np
from PIL import Image

from train.tuning.plot import plot_trials
from train.tuning.search_space import Dimension
from train.tuning.trials import Trial

DIMENSIONS = (Dimension("rate", 1e-5, 1e-3, 1e-4), Dimension("thaw", 1, 4, 2, 1))
COMPLETE = [
    Trial(n, "complete", {"rate": 10**-n / 1000, "thaw": n + 1}, 0.5 + n / 10, 0.4, 6, 9.0)
    for n in range(3)
]
OTHERS = [
    Trial(3, "diverged", {"rate": 1e-3, "thaw": 1}, None, None, 0, 1.0),
    Trial(4, "pruned", {"rate": 1e-5, "thaw": 1}, 0.55, 0.9, 2, 1.0),
    Trial(5, "running", {"rate": 1e-4, "thaw": 1}, None, None, 0, None),
]
ORANGE, RED = (255, 127, 14), (214, 39, 40)


def _draw(folder: Path, trials: list[Trial]) -> np.ndarray:
    plot_trials(folder, trials, DIMENSIONS)
    with Image.open(folder / "trials.png") as image:
        return np.asarray(image.convert("RGB")).astype(int)


def _has_color(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(pixels - colour).sum(axis=-1) < 60


def test_the_best_stands_out_in_each_panel_and_diverged_ones_are_seen(tmp_path: Path) -> None:
    pixels = _draw(tmp_path, COMPLETE + OTHERS)
    thirds = np.array_split(_has_color(pixels, ORANGE), 3, axis=1)
    assert all(third.sum() > 50 for third in thirds)
    assert _has_color(pixels, RED).any()
    assert not _has_color(_draw(tmp_path, COMPLETE), RED).any()


def test_a_study_without_a_complete_trial_is_drawn_too(tmp_path: Path) -> None:
    for trials in ([], OTHERS):
        assert not _has_color(_draw(tmp_path, trials), ORANGE).any()
