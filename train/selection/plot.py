"""Draws choice.png: the validation accuracy of the candidates over their latency."""

from collections.abc import Sequence
from pathlib import Path

from train.selection.choice import CandidateRow, ChoiceLimits
from workstation.plotting import BAD, DOUBT, GOOD, MARK, page_axes, save_png


def plot_choice(path: Path, rows: Sequence[CandidateRow], limits: ChoiceLimits) -> None:
    """Writes the plot; a bar is a 95 % interval, and only the front and the choice have names."""
    figure, axes = page_axes(860, 520)
    for row in rows:
        color = MARK if row.front else DOUBT
        errors = [[max(0.0, row.val_accuracy - row.low)], [max(0.0, row.high - row.val_accuracy)]]
        axes.errorbar(
            row.ms,
            row.val_accuracy,
            yerr=errors,
            fmt="o" if row.fits else "x",
            color=color,
            elinewidth=0.8,
            alpha=1.0 if row.front else 0.5,
        )
        if row.front or row.chosen:
            axes.annotate(
                f"{row.network}, {row.mb:.1f} MB",
                (row.ms, row.val_accuracy),
                xytext=(6, 6),
                textcoords="offset points",
                fontsize=9,
            )
        if row.chosen:
            axes.plot(
                row.ms,
                row.val_accuracy,
                "o",
                markersize=16,
                markerfacecolor="none",
                markeredgecolor=GOOD,
                markeredgewidth=2,
                label="choice",
            )
    front = [row for row in rows if row.front]
    axes.plot(
        [row.ms for row in front],
        [row.val_accuracy for row in front],
        color=MARK,
        linestyle=":",
        label="Pareto front (accuracy, ms, MB)",
    )
    if limits.max_ms is not None:
        axes.axvline(limits.max_ms, color=BAD, linestyle="--", label=f"{limits.max_ms:g} ms")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="ms an image, int8 .tflite", ylabel="validation accuracy of a solved head")
    axes.margins(x=0.2)
    axes.legend(fontsize="small", loc="lower right")
    save_png(figure, path)
