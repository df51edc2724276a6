"""Draws trials.png: the progress of a study, and how each tuned option affects the accuracy."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from train.tuning.search_space import Choice, TunedOption
from train.tuning.trials import Trial, TrialOutcome, best_trial
from workstation.plotting import save_png

TRIALS_PLOT = "trials.png"
COLUMNS = 3
MARKS: dict[TrialOutcome, tuple[str, str]] = {
    "complete": ("o", "tab:blue"),
    "pruned": ("x", "tab:grey"),
    "diverged": ("v", "tab:red"),
}
BEST_COLOR = "tab:orange"


def plot_trials(folder: Path, trials: Sequence[Trial], dimensions: Sequence[TunedOption]) -> None:
    """Writes trials.png: the accuracy over the trials, then over each tuned option.

    A line shows the best accuracy so far. Diverged trials are drawn at the bottom.
    """
    rows = ceil((1 + len(dimensions)) / COLUMNS)
    figure = Figure(figsize=(4.5 * COLUMNS, 3.6 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).flatten()
    finished = [trial for trial in trials if trial.finished]
    accuracies = [trial.val_accuracy for trial in finished if trial.val_accuracy is not None]
    bottom = min(accuracies, default=0.0)

    _mark(panels[0], finished, [float(trial.number) for trial in finished], bottom)
    _draw_best_so_far(panels[0], finished)
    panels[0].set(xlabel="trial")
    panels[0].xaxis.get_major_locator().set_params(integer=True)
    if finished:
        panels[0].legend(fontsize="small")
    for panel, dimension in zip(panels[1:], dimensions, strict=False):
        shown = [trial for trial in finished if dimension.name in trial.options]
        values = [trial.options[dimension.name] for trial in shown]
        panel.set(xlabel=dimension.name.replace("_", " "))
        if isinstance(dimension, Choice):
            names = list(map(str, dimension.values))
            panel.set_xticks(range(len(names)), names)
            values = [names.index(str(value)) for value in values]
        elif dimension.step is None:
            panel.set_xscale("log")
        _mark(panel, shown, list(map(float, values)), bottom)
    for number, panel in enumerate(panels):
        panel.set_visible(number <= len(dimensions))
        panel.grid(alpha=0.3)
        if number % COLUMNS == 0:
            panel.set_ylabel("validation accuracy")
    save_png(figure, folder / TRIALS_PLOT, dpi=100)


def _mark(panel: Axes, trials: Sequence[Trial], x: Sequence[float], bottom: float) -> None:
    """Draws a mark for each trial at its `x`, and a ring around the best one."""
    y = [bottom if trial.val_accuracy is None else trial.val_accuracy for trial in trials]
    for state, (marker, color) in MARKS.items():
        numbers = [number for number, trial in enumerate(trials) if trial.outcome == state]
        if numbers:
            panel.scatter(
                [x[number] for number in numbers],
                [y[number] for number in numbers],
                marker=marker,
                color=color,
                alpha=0.7,
                label=state,
            )
    best = best_trial(trials)
    if best is not None:
        number = trials.index(best)
        panel.scatter(
            [x[number]],
            [y[number]],
            s=140,
            facecolors="none",
            edgecolors=BEST_COLOR,
            linewidths=2,
            label="best",
        )


def _draw_best_so_far(panel: Axes, trials: Sequence[Trial]) -> None:
    complete = [trial for trial in trials if trial.outcome == "complete"]
    heights = [
        max(trial.val_accuracy or 0.0 for trial in complete[: number + 1])
        for number in range(len(complete))
    ]
    if complete:
        ends = [*(trial.number for trial in complete), trials[-1].number]
        panel.step(
            ends, [*heights, heights[-1]], where="post", color=BEST_COLOR, label="best so far"
        )
