"""Draws the plots of the report as SVG: the drops with their intervals, and the scores."""

from collections.abc import Iterable, Mapping

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from export.inputs.trained_run import KERAS
from export.parity.artifact_record import ArtifactRecord
from export.report.wording import short_name
from runtime.shared.parity import TrueScores
from workstation.plotting import BAD, LINE, MARK, TEXT, figure_svg, page_axes, plot_text

DROP_WIDTH, DROP_MARGIN, DROP_ROW = 560, 62, 26
"""CSS pixels of the plot of drops: its width, the height of its axis, and of a row."""
SCORES_SIDE = 230
"""CSS pixels of a plot of scores, in width and height."""
DOT_SIZE = 4


def drop_plot(records: Mapping[str, ArtifactRecord]) -> str:
    """Returns a plot with a row for each model file: its drop, the interval and the limit."""
    figure, axes = page_axes(DROP_WIDTH, DROP_MARGIN + DROP_ROW * len(records))
    axes.axvline(0, color=TEXT, linewidth=1)
    for row, record in enumerate(records.values()):
        parity = record.parity
        axes.plot([100 * parity.drop_low, 100 * parity.drop_high], [row, row], color=MARK)
        axes.plot([100 * parity.drop], [row], "o", color=MARK)
    _draw_limits(axes, records)
    names = [plot_text(short_name(file)) for file in records]
    axes.set(xlabel="drop, points (left: better, right: worse)", ylim=(len(records) - 0.5, -0.5))
    axes.set_yticks(range(len(records)), names)
    axes.grid(visible=False, axis="y")
    return figure_svg(figure)


def _draw_limits(axes: Axes, records: Mapping[str, ArtifactRecord]) -> None:
    """Draws each limit that is not far beyond all intervals."""
    low, high = axes.get_xlim()
    for row, record in enumerate(records.values()):
        limit = 100 * record.limits.max_drop
        if limit < 2 * (high - low):
            axes.plot([limit, limit], [row - 0.5, row + 0.5], color=BAD, linestyle="--")


def score_plot(true_scores: TrueScores, reference: str = KERAS) -> str:
    """Returns a plot with a dot for each image: across the reference's score of its true class,
    upwards the file's.

    Images whose label changed are red.
    """
    flipped = set(true_scores.flipped)
    pairs = list(zip(true_scores.reference_scores, true_scores.candidate_scores, strict=True))
    figure, axes = page_axes(SCORES_SIDE, SCORES_SIDE)
    axes.plot([0, 1], [0, 1], color=LINE, linewidth=1)
    same = (pair for number, pair in enumerate(pairs) if number not in flipped)
    _draw_dots(axes, same, MARK, opacity=0.55)
    _draw_dots(axes, (pairs[number] for number in true_scores.flipped), BAD, opacity=1)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=reference, ylabel="file", aspect=1)
    axes.set_xticks([0, 0.5, 1])
    axes.set_yticks([0, 0.5, 1])
    return figure_svg(figure)


def _draw_dots(
    axes: Axes, thousandths: Iterable[tuple[int, int]], color: str, *, opacity: float
) -> None:
    """Draws each different pair once, all in one path, which keeps a page of many dots small."""
    points = [(x / 1000, y / 1000) for x, y in dict.fromkeys(thousandths)]
    if not points:
        return
    vertices = [point for point in points for _ in range(2)]
    path = Path(vertices, [Path.MOVETO, Path.LINETO] * len(points))
    path.should_simplify = False
    axes.add_patch(
        PathPatch(
            path,
            edgecolor=color,
            alpha=opacity,
            fill=False,
            linewidth=DOT_SIZE,
            capstyle="round",
            zorder=3,
        )
    )
