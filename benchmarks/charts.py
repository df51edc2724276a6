"""The charts of the latency page as inline SVG: this runs on the device, where no plotting library is."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from benchmarks.measured import Measurement, Stages, label
from benchmarks.samples import Summary, short

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 260, 52, 34, 12, 14
STAGES = ("decode", "resize", "quantize", "invoke", "post")
CHARACTER, MOST_NAME = 5.9, 400
"""Of a label: the width of a character at 11 px, and the widest it may be."""
MOST_DOTS = 1200
HEADROOM, MOST_HEADROOM = 1.6, 4.0
"""The samples are drawn up to so many times their p95, and of their median; what is above is drawn at the upper edge."""


@dataclass(frozen=True)
class Point:
    """One artifact: its fastest median and its accuracy; `front`: no other is both as fast and as accurate."""

    label: str
    p50_ms: float
    accuracy: float
    front: bool


def fastest(measurements: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Of each artifact the measurement with the lowest median."""
    best: dict[tuple[str, str], Measurement] = {}
    for one in measurements:
        key = (one.artifact, one.sha256)
        if key not in best or one.summary.p50_ms < best[key].summary.p50_ms:
            best[key] = one
    return tuple(best.values())


def pareto(measurements: Sequence[Measurement]) -> tuple[Point, ...]:
    """The artifacts of known accuracy, the fastest first."""
    known = [(label(one, measurements), one.summary.p50_ms, one.accuracy) for one in fastest(measurements) if one.accuracy is not None]
    return tuple(
        Point(name, ms, accuracy, not any(m <= ms and a >= accuracy and (m, a) != (ms, accuracy) for _, m, a in known))
        for name, ms, accuracy in sorted(known, key=lambda row: row[1])
    )


def pareto_chart(points: Sequence[Point]) -> str:
    """Accuracy upwards, the median to the right on a logarithmic axis; the front is joined by a line."""
    low, high = _decades([point.p50_ms for point in points])
    bottom, top = _span([point.accuracy for point in points])

    def x(ms: float) -> float:
        return round(LEFT + (log10(ms) - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def y(accuracy: float) -> float:
        return round(HEIGHT - BOTTOM - (accuracy - bottom) / (top - bottom) * (HEIGHT - BOTTOM - TOP), 1)

    parts = [_frame()]
    ticks = _ticks_log(low, high)
    for value in ticks if len(ticks) > 1 else sorted({points[0].p50_ms, points[-1].p50_ms}):
        parts.append(_x_tick(x(value), short(value)))
    for number in range(5):
        value = bottom + number * (top - bottom) / 4
        parts.append(_y_tick(y(value), f"{value:.4f}"))  # rounded to 3 digits, ticks 0.0015 apart lie beside their labels
    front = [point for point in points if point.front]
    parts.append(f'<path class="front" d="M{" L".join(f"{x(point.p50_ms)} {y(point.accuracy)}" for point in front)}"/>')
    taken: list[tuple[float, float]] = []
    for point in points:
        across, up = x(point.p50_ms), y(point.accuracy)
        end = across > 0.7 * WIDTH
        height = up + 15 if up < HEIGHT - BOTTOM - 20 else up - 7
        while any(abs(height - other) < 11 and abs(across - there) < 150 for there, other in taken):
            height += 12
        taken.append((across, height))
        parts.append(f'<circle class="{"on" if point.front else "off"}" cx="{across}" cy="{up}" r="4.5"/>')
        anchor = ' text-anchor="end"' if end else ""
        parts.append(f'<text x="{across + (-7 if end else 7)}" y="{height}"{anchor}>{html.escape(point.label)}</text>')
    parts.append(_axis_names("ms, median", "accuracy"))
    return _svg(WIDTH, HEIGHT, "Accuracy against latency", parts)


def stages_chart(rows: Sequence[tuple[str, Stages]]) -> str:
    """A bar for each, its stages one behind the other, in ms."""
    medians = [(label, stages.medians()) for label, stages in rows]
    longest = max(sum(parts.values()) for _, parts in medians)
    name_width = min(MOST_NAME, CHARACTER * max(len(label) for label, _ in rows) + 12)
    row_height, bar_width = 24, WIDTH - name_width - 64
    height = 22 + row_height * len(rows)
    parts = []
    across = WIDTH - 74.0 * len(STAGES)
    for number, stage in enumerate(STAGES):
        parts.append(f'<rect class="s{number}" x="{across}" y="3" width="10" height="10"/><text x="{across + 14}" y="12">{stage}</text>')
        across += 74
    for row, (name, stage_ms) in enumerate(medians):
        top, at = 22 + row * row_height, float(name_width)
        parts.append(f'<text x="{name_width - 8}" y="{top + 13}" text-anchor="end">{html.escape(name)}</text>')
        for number, stage in enumerate(STAGES):
            width = round(stage_ms[stage] / longest * bar_width, 2)
            title = f"<title>{stage} {short(stage_ms[stage])} ms</title>"
            parts.append(f'<rect class="s{number}" x="{at:.2f}" y="{top}" width="{width}" height="17">{title}</rect>')
            at += width
        parts.append(f'<text x="{at + 6:.1f}" y="{top + 13}">{short(sum(stage_ms.values()))} ms</text>')
    return _svg(WIDTH, height, "Stages of one picture", parts)


def samples_chart(one: Measurement) -> str:
    """Every sample in the order it was taken, as a dot; of more than 1,200, the highest and lowest of each stretch."""
    samples, summary = one.samples_ms, one.summary
    top = _top(summary)
    height = 150

    def x(number: int) -> float:
        return round(LEFT + number / max(len(samples) - 1, 1) * (WIDTH - LEFT - RIGHT), 1)

    def y(ms: float) -> float:
        return round(height - BOTTOM - min(ms / top, 1) * (height - BOTTOM - TOP), 1)

    inside = "".join(f"M{x(n)} {y(ms)}h0" for n, ms in _thinned(samples) if ms <= top)
    above = "".join(f"M{x(n)} {y(ms)}h0" for n, ms in _thinned(samples) if ms > top)
    parts = [_frame(height), f'<path class="dots" d="{inside}"/><path class="far" d="{above}"/>']
    parts.append(f'<path class="median" d="M{LEFT} {y(summary.p50_ms)}H{WIDTH - RIGHT}"/>')
    parts += [_y_tick(y(value), short(value)) for value in (0, summary.p50_ms, top)]
    parts += [_x_tick(x(number), str(number + 1), height) for number in sorted({0, len(samples) // 2, len(samples) - 1})]
    return _svg(WIDTH, height, "Samples in order", parts)


def beyond(one: Measurement) -> int:
    """How many samples the chart above draws at its upper edge."""
    top = _top(one.summary)
    return sum(ms > top for ms in one.samples_ms)


def _top(summary: Summary) -> float:
    return min(HEADROOM * (summary.p95_ms or summary.max_ms), MOST_HEADROOM * summary.p50_ms)


def _thinned(samples: Sequence[float]) -> list[tuple[int, float]]:
    if len(samples) <= MOST_DOTS:
        return list(enumerate(samples))
    size = ceil(2 * len(samples) / MOST_DOTS)
    kept: list[tuple[int, float]] = []
    for start in range(0, len(samples), size):
        part = list(enumerate(samples[start : start + size], start))
        kept += sorted({min(part, key=lambda row: row[1]), max(part, key=lambda row: row[1])})
    return kept


def _decades(values: Sequence[float]) -> tuple[float, float]:
    low, high = log10(min(values)), log10(max(values))
    margin = max(0.12 * (high - low), 0.15)
    return low - margin, high + margin


def _ticks_log(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade."""
    steps = [step * 10.0**decade for decade in range(floor(low), ceil(high) + 1) for step in (1, 2, 5)]
    return [value for value in steps if low <= log10(value) <= high]


def _span(values: Sequence[float]) -> tuple[float, float]:
    margin = max(0.15 * (max(values) - min(values)), 0.004)
    return max(min(values) - margin, 0), max(min(max(values) + margin, 1), max(values))


def _frame(height: int = HEIGHT) -> str:
    return f'<path class="axis" d="M{LEFT} {TOP}V{height - BOTTOM}H{WIDTH - RIGHT}"/>'


def _x_tick(x: float, label: str, height: int = HEIGHT) -> str:
    return f'<path class="axis" d="M{x} {height - BOTTOM}v4"/><text x="{x}" y="{height - BOTTOM + 15}" text-anchor="middle">{label}</text>'


def _y_tick(y: float, label: str) -> str:
    return f'<path class="axis" d="M{LEFT} {y}h-4"/><text x="{LEFT - 7}" y="{y + 3}" text-anchor="end">{label}</text>'


def _axis_names(across: str, up: str) -> str:
    right = f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{across}</text>'
    return f'{right}<text x="{LEFT + 6}" y="{HEIGHT - BOTTOM - 7}">{up}</text>'


def _svg(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    drawn = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}" class="chart">{"".join(parts)}</svg>'
    return f'<div class="wide">{drawn}</div>'
