"""What each epoch gave: history.csv for programs, history.png for people."""

import csv
import io
import itertools
from dataclasses import astuple, fields
from pathlib import Path

from matplotlib.figure import Figure

from runtime.atomic import new_file, write_file
from train.epoch import Epoch as Epoch


def write_history(run: Path, history: list[Epoch]) -> None:
    """Writes history.csv into the run folder."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Epoch))
    writer.writerows([f"{value:.6g}" if isinstance(value, float) else value for value in astuple(epoch)] for epoch in history)
    write_file(run / "history.csv", text.getvalue())


def plot_history(run: Path, history: list[Epoch]) -> None:
    """Draws history.png: accuracy and loss per epoch, training and validation, with a line where a new stage begins."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    steps = range(1, len(history) + 1)
    for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        axes.plot(steps, [getattr(epoch, name) for epoch in history], "o-", markersize=3, label="training (augmented)")
        axes.plot(steps, [getattr(epoch, f"val_{name}") for epoch in history], "o-", markersize=3, label="validation")
        for step, (before, after) in enumerate(itertools.pairwise(history), start=1):
            if before.stage != after.stage:
                axes.axvline(step + 0.5, color="grey", linestyle=":", label=f"{after.stage} begins")
        axes.set(title=name, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    with new_file(run / "history.png") as path:
        figure.savefig(path, dpi=120, metadata={"Software": None})
