"""trials.png: how far the study has come, and how each tuned option bears on the accuracy."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runtime.atomic import new_file
from train.space import Dimension
from train.trials import State, Trial, best

TRIALS_PLOT = "trials.png"
COLUMNS = 3
MARKS: dict[State, tuple[str, str]] = {"complete": ("o", "tab:blue"), "pruned": ("x", "tab:grey"), "diverged": ("v", "tab:red")}
BEST = "tab:orange"


def plot_trials(folder: Path, trials: Sequence[Trial], dimensions: Sequence[Dimension]) -> None:
    """Draws trials.png: accuracy over the trials with the best so far as a line, then over each option. Diverged trials lie at the foot."""
    rows = ceil((1 + len(dimensions)) / COLUMNS)
    figure = Figure(figsize=(4.5 * COLUMNS, 3.6 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).flatten()
    over = [trial for trial in trials if trial.over]
    foot = min((trial.val_accuracy for trial in over if trial.val_accuracy is not None), default=0.0)
    chosen = best(over)

    _mark(panels[0], over, [float(trial.number) for trial in over], foot, chosen)
    _best_so_far(panels[0], over)
    panels[0].set(xlabel="trial")
    panels[0].xaxis.get_major_locator().set_params(integer=True)
    if over:
        panels[0].legend(fontsize="small")
    for panel, dimension in zip(panels[1:], dimensions, strict=False):
        shown = [trial for trial in over if dimension.name in trial.options]
        _mark(panel, shown, [trial.options[dimension.name] for trial in shown], foot, chosen)
        panel.set(xlabel=dimension.name.replace("_", " "))
        if dimension.step is None:
            panel.set_xscale("log")
    for number, panel in enumerate(panels):
        panel.set_visible(number <= len(dimensions))
        panel.grid(alpha=0.3)
        if number % COLUMNS == 0:
            panel.set_ylabel("validation accuracy")
    with new_file(folder / TRIALS_PLOT) as path:
        figure.savefig(path, dpi=100, metadata={"Software": None})


def _mark(panel: Axes, trials: Sequence[Trial], across: Sequence[float], foot: float, chosen: Trial | None) -> None:
    for state, (marker, colour) in MARKS.items():
        points = [
            (x, foot if trial.val_accuracy is None else trial.val_accuracy)
            for x, trial in zip(across, trials, strict=True)
            if trial.state == state
        ]
        if points:
            panel.scatter(*zip(*points, strict=True), marker=marker, color=colour, alpha=0.7, label=state)
    for x, trial in zip(across, trials, strict=True):
        if trial is chosen and trial.val_accuracy is not None:
            panel.scatter([x], [trial.val_accuracy], s=140, facecolors="none", edgecolors=BEST, linewidths=2, label="best")


def _best_so_far(panel: Axes, trials: Sequence[Trial]) -> None:
    complete = [trial for trial in trials if trial.state == "complete"]
    heights = [max(trial.val_accuracy or 0.0 for trial in complete[: number + 1]) for number in range(len(complete))]
    if complete:
        ends = [*(trial.number for trial in complete), trials[-1].number]
        panel.step(ends, [*heights, heights[-1]], where="post", color=BEST, label="best so far")
