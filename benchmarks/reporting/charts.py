"""Draws the charts of the latency page as inline SVG.

They are made by hand, so that `bench report` needs nothing but the base installation.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from benchmarks.measurement.records import Measurement, Stages
from benchmarks.measurement.summary import Summary, short
from benchmarks.reporting.pareto import Point

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 260, 52, 34, 12, 14
SAMPLES_HEIGHT = 150
STAGES = ("decode", "resize", "quantize", "invoke", "post")
LEGEND_WIDTH, ROW_HEIGHT, ROWS_TOP = 74.0, 24, 22
CHARACTER_WIDTH, MAX_NAME_WIDTH = 6.7, 400
"""Measured on a label at 11 px in DejaVu Sans, a wide font."""
LABEL_HEIGHT, RADIUS = 12, 4.5
MAX_DOTS = 1200
P95_HEADROOM, P50_HEADROOM = 1.6, 4.0
"""The samples are drawn up to the lower of 1.6 times their p95 and 4 times their median.

Higher samples are drawn at the upper edge."""


@dataclass(frozen=True)
class Box:
    """Describes the place of a label or a point on the chart; letters stand on `bottom`."""

    left: float
    bottom: float
    width: float

    def covers(self, other: "Box") -> bool:
        """Returns whether the two overlap."""
        beside = self.left >= other.left + other.width or other.left >= self.left + self.width
        return not beside and abs(self.bottom - other.bottom) < LABEL_HEIGHT


def pareto_chart(points: Sequence[Point]) -> str:
    """Draws accuracy upwards and the median to the right, on a logarithmic axis.

    A line joins the points of the front.
    """
    low, high = _log_span([point.p50_ms for point in points])
    bottom, top = _span([point.accuracy for point in points])

    def x(ms: float) -> float:
        return round(LEFT + (log10(ms) - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def y(accuracy: float) -> float:
        share = (accuracy - bottom) / (top - bottom)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)

    ticks = _log_ticks(low, high)
    if len(ticks) < 2:
        ticks = sorted({points[0].p50_ms, points[-1].p50_ms})
    steps = [bottom + number * (top - bottom) / 4 for number in range(5)]
    front = " L".join(f"{x(point.p50_ms)} {y(point.accuracy)}" for point in points if point.front)
    parts = [
        _frame(HEIGHT),
        *(_x_tick(x(ms), short(ms), HEIGHT) for ms in ticks),
        *(_y_tick(y(step), f"{step:.4f}") for step in steps),  # 3 digits would move labels
        f'<path class="front" d="M{front}"/>',
    ]
    places = [(x(point.p50_ms), y(point.accuracy)) for point in points]
    taken = [Box(across - RADIUS, up + RADIUS, 2 * RADIUS) for across, up in places]
    for point, (across, up) in zip(points, places, strict=True):
        shape = "on" if point.front else "off"
        parts.append(f'<circle class="{shape}" cx="{across}" cy="{up}" r="{RADIUS}"/>')
        box = _label_box(point.label, across, up, taken)
        taken.append(box)
        parts.append(_text(box.left, box.bottom, html.escape(point.label)))
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 4, "ms, median", "end"))
    parts.append(_text(LEFT + 6, HEIGHT - BOTTOM - 7, "accuracy"))
    return _svg(HEIGHT, "Accuracy against latency", parts)


def _label_box(text: str, across: float, up: float, taken: Sequence[Box]) -> Box:
    """Returns a place beside a point for its label, such that it covers nothing."""
    width = CHARACTER_WIDTH * len(text)
    places = (across + 7, across - 7 - width, LEFT, WIDTH - width)
    lefts = [round(max(LEFT, min(left, WIDTH - width)), 1) for left in places]
    for left in dict.fromkeys(lefts):
        for distance in range(4, HEIGHT, LABEL_HEIGHT):
            for bottom in (up + distance, up - distance + LABEL_HEIGHT / 2):
                box = Box(left, round(bottom, 1), width)
                if TOP < bottom < HEIGHT - BOTTOM and not any(map(box.covers, taken)):
                    return box
    return Box(lefts[0], up, width)


def stages_chart(rows: Sequence[tuple[str, Stages]]) -> str:
    """Draws a bar for each row, its stages one behind the other, in ms."""
    medians = [(name, stages.medians()) for name, stages in rows]
    longest_ms = max(sum(stage_ms.values()) for _, stage_ms in medians)
    characters = max(len(name) for name, _ in rows)
    name_width = min(MAX_NAME_WIDTH, CHARACTER_WIDTH * characters + 12)
    scale = (WIDTH - name_width - 64) / longest_ms
    parts = []
    for number, stage in enumerate(STAGES):
        across = WIDTH - LEGEND_WIDTH * (len(STAGES) - number)
        parts.append(f'<rect class="s{number}" x="{across}" y="3" width="10" height="10"/>')
        parts.append(_text(across + 14, 12, stage))
    for row, (name, stage_ms) in enumerate(medians):
        top, across = ROWS_TOP + row * ROW_HEIGHT, float(name_width)
        parts.append(_text(name_width - 8, top + 13, html.escape(name), "end"))
        for number, stage in enumerate(STAGES):
            width = round(stage_ms[stage] * scale, 2)
            title = f"<title>{stage} {short(stage_ms[stage])} ms</title>"
            place = f'x="{across:.2f}" y="{top}" width="{width}" height="17"'
            parts.append(f'<rect class="s{number}" {place}>{title}</rect>')
            across += width
        total = f"{short(sum(stage_ms.values()))} ms"
        parts.append(_text(round(across + 6, 1), top + 13, total))
    return _svg(ROWS_TOP + ROW_HEIGHT * len(rows), "Stages of one image", parts)


def samples_chart(measurement: Measurement) -> str:
    """Draws every sample as a dot, in the order in which they were taken.

    Of more than 1,200 samples the highest and lowest of each stretch are drawn.
    """
    samples_ms, summary = measurement.samples_ms, measurement.summary
    top, height = _top_ms(summary), SAMPLES_HEIGHT
    last = len(samples_ms) - 1

    def x(number: int) -> float:
        return round(LEFT + number / max(last, 1) * (WIDTH - LEFT - RIGHT), 1)

    def y(ms: float) -> float:
        return round(height - BOTTOM - min(ms / top, 1) * (height - BOTTOM - TOP), 1)

    dots = [(f"M{x(number)} {y(ms)}h0", ms > top) for number, ms in _thinned(samples_ms)]
    inside = "".join(dot for dot, above in dots if not above)
    outside = "".join(dot for dot, above in dots if above)
    median = y(summary.p50_ms)
    parts = [
        _frame(height),
        f'<path class="dots" d="{inside}"/><path class="far" d="{outside}"/>',
        f'<path class="median" d="M{LEFT} {median}H{WIDTH - RIGHT}"/>',
        *(_y_tick(y(ms), short(ms)) for ms in (0, summary.p50_ms, top)),
        *(_x_tick(x(number), str(number + 1), height) for number in sorted({0, last // 2, last})),
    ]
    return _svg(height, "Samples in order", parts)


def count_above(measurement: Measurement) -> int:
    """Returns how many samples the chart draws at its upper edge."""
    top = _top_ms(measurement.summary)
    return sum(ms > top for ms in measurement.samples_ms)


def _top_ms(summary: Summary) -> float:
    return min(P95_HEADROOM * (summary.p95_ms or summary.max_ms), P50_HEADROOM * summary.p50_ms)


def _thinned(samples_ms: Sequence[float]) -> list[tuple[int, float]]:
    """Returns samples with their numbers, at most 1,200."""
    numbered = list(enumerate(samples_ms))
    if len(numbered) <= MAX_DOTS:
        return numbered
    size = ceil(2 * len(numbered) / MAX_DOTS)
    kept: list[tuple[int, float]] = []
    for start in range(0, len(numbered), size):
        stretch = sorted(numbered[start : start + size], key=lambda row: row[1])
        kept += sorted({stretch[0], stretch[-1]})
    return kept


def _log_span(values: Sequence[float]) -> tuple[float, float]:
    """Returns the ends of a logarithmic axis, as powers of ten."""
    low, high = log10(min(values)), log10(max(values))
    margin = max(0.12 * (high - low), 0.15)
    return low - margin, high + margin


def _log_ticks(low: float, high: float) -> list[float]:
    """Returns 1, 2 and 5 of each decade on the axis."""
    decades = range(floor(low), ceil(high) + 1)
    steps = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    return [step for step in steps if low <= log10(step) <= high]


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Returns the ends of the axis of accuracies."""
    margin = max(0.15 * (max(values) - min(values)), 0.004)
    return max(min(values) - margin, 0), max(min(max(values) + margin, 1), max(values))


def _frame(height: int) -> str:
    return f'<path class="axis" d="M{LEFT} {TOP}V{height - BOTTOM}H{WIDTH - RIGHT}"/>'


def _x_tick(x: float, text: str, height: int) -> str:
    mark = f'<path class="axis" d="M{x} {height - BOTTOM}v4"/>'
    return mark + _text(x, height - BOTTOM + 15, text, "middle")


def _y_tick(y: float, text: str) -> str:
    return f'<path class="axis" d="M{LEFT} {y}h-4"/>' + _text(LEFT - 7, y + 3, text, "end")


def _text(x: float, y: float, text: str, anchor: str = "") -> str:
    aligned = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x}" y="{y}"{aligned}>{text}</text>'


def _svg(height: float, name: str, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}" class="chart">'
    return f'<div class="wide">{head}{"".join(parts)}</svg></div>'
