"""Writes the latency page: one HTML file that needs no other."""

import html
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks.measurement.records import Measurement, label, label_with_threads, threads_text
from benchmarks.measurement.summary import short
from benchmarks.reporting.charts import count_above, pareto_chart, samples_chart, stages_chart
from benchmarks.reporting.markdown import TEXT_COLUMNS, table_halves
from benchmarks.reporting.pareto import fastest, pareto
from benchmarks.reporting.result_file import LatencyReport
from benchmarks.reporting.terminal import conditions_rows
from runtime.shared.html_page import html_head
from runtime.shared.wording import counted

STYLE = """<style>
.chart { display: block; width: 100%; min-width: 34rem; max-width: 46rem; height: auto; }
svg.chart text { font-size: 11px; }
.samples > div { width: 35rem; max-width: 100%; } .samples h3 { margin: .3rem 0 0; }
.text { white-space: normal; overflow-wrap: anywhere; min-width: 6rem; text-align: left; }
.s0 { fill: #7a8fb0; } .s1 { fill: #b59bd0; } .s2 { fill: #d9a441; }
.s3 { fill: #2f7fc1; } .s4 { fill: #5aa874; }
.on { fill: var(--good); } .off { fill: var(--soft); }
.front { fill: none; stroke: var(--good); stroke-width: 1.5; opacity: .6; }
.dots { stroke: var(--mark); stroke-width: 2.4; stroke-linecap: round; opacity: .65; }
.far { stroke: var(--bad); stroke-width: 3.4; stroke-linecap: round; }
.median { stroke: var(--doubt); stroke-dasharray: 5 4; fill: none; }
</style>"""


BREAKABLE = re.compile(r"([/_-])(?=\w)")
"""After these characters a name may break; a table of long names then fits the page."""
WRAPPED_COLUMNS = (*TEXT_COLUMNS, "before", "after")
"""Columns whose values wrap; the others hold numbers."""


def render(report: LatencyReport) -> str:
    """Returns the page of one result."""
    head = html_head(f"{report.title} – latency")
    return "\n".join([head, STYLE, *_body(report), "</html>"]) + "\n"


def _body(report: LatencyReport) -> Iterator[str]:
    yield f"<h1>{html.escape(report.title)}: latency</h1>"
    yield _note(f"{_place_and_time(report)}. {_best(report.measurements)}")
    yield from _doubts(report)
    yield from _figures(report)
    yield from _accuracy_against_latency(report.measurements)
    yield from _stages(report.measurements)
    yield from _samples(report.measurements)
    yield "<h2>Conditions</h2>"
    names, before, after = zip(*conditions_rows(report), strict=True)
    yield _table({"": names, "before": before, "after": after})
    yield f"<h2>Made with</h2><pre>{html.escape(report.command)}</pre>"


def _figures(report: LatencyReport) -> Iterator[str]:
    yield "<h2>One image, from its pixels to the scores</h2>"
    yield _note(f"The times are milliseconds, for one image after another. {_rule(report)}")
    samples, others = table_halves(report.measurements)
    yield _table(samples)
    yield _note(
        "A cold start is a fresh process up to its first answer, with its files in the page cache. "
        "Memory is above that of bare Python."
    )
    yield _table(others)


def _accuracy_against_latency(measurements: Sequence[Measurement]) -> Iterator[str]:
    points = pareto(measurements)
    if len(points) < 2:
        return
    yield "<h2>Accuracy against latency</h2>"
    yield _note(
        "Each model file is shown with its fastest number of threads. No other file is both as "
        "fast and as accurate as one on the green line."
    )
    yield pareto_chart(points)


def _stages(measurements: Sequence[Measurement]) -> Iterator[str]:
    rows = [
        (label_with_threads(measurement, measurements), measurement.stages)
        for measurement in measurements
        if measurement.stages
    ]
    if not rows:
        return
    yield "<h2>Where the time of an image file goes</h2>"
    yield _note(
        "The bars are medians over the images used, from the file's content to the labels. "
        "Larger images take longer to decode."
    )
    yield stages_chart(rows)


def _samples(measurements: Sequence[Measurement]) -> Iterator[str]:
    yield "<h2>Every sample, in order</h2>"
    yield _note(
        "A flat band shows a quiet machine. The dashed line is the median. "
        "Red samples are above the chart."
    )
    yield '<div class="plots samples">'
    for measurement in measurements:
        note = counted(measurement.summary.count, "sample")
        above = count_above(measurement)
        if above:
            longest = short(measurement.summary.max_ms)
            note += f", {above} above the chart, the longest {longest} ms"
        name = html.escape(label_with_threads(measurement, measurements))
        yield f"<div><h3>{name}</h3>{_note(note)}{samples_chart(measurement)}</div>"
    yield "</div>"


def _place_and_time(report: LatencyReport) -> str:
    machine = report.before.machine
    names = [name for name in (machine.board, machine.cpu_model, machine.system) if name]
    place = ", ".join(names) or "a machine of unknown name"
    moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(report.before.at_s))
    return f"{place}; {moment}"


def _best(measurements: Sequence[Measurement]) -> str:
    best = min(fastest(measurements), key=lambda measurement: measurement.summary.p50_ms)
    name = f"{label(best, measurements)} with {threads_text(best.threads)}"
    return f"The fastest is {name}: {short(best.summary.p50_ms)} ms."


def _doubts(report: LatencyReport) -> Iterator[str]:
    doubts = report.doubts()
    if not doubts:
        yield '<p class="passed">Nothing in the conditions makes these figures doubtful.</p>'
        return
    reasons = counted(len(doubts), "reason")
    yield f'<p class="doubt">{reasons} to doubt these figures:</p><ul class="doubt">'
    yield from (f"<li>{html.escape(doubt)}</li>" for doubt in doubts)
    yield "</ul>"


def _rule(report: LatencyReport) -> str:
    rule = report.rule
    amount = f"at least {rule.iterations} samples and {rule.min_seconds:g} s"
    if rule.max_seconds:
        amount += f", at most {rule.max_seconds:g} s"
    processes = "Each model file and thread count has a process of its own."
    if report.pair_loads:
        loads = len(report.pair_loads)
        processes = f"The two models ran in turn, loaded together in each of {loads} processes."
    overhead = max(measurement.overhead_us for measurement in report.measurements)
    return (
        f"After {rule.warmup} runs to warm up, {amount} were taken. {processes} "
        f"The timing itself takes {overhead:.2g} µs of a sample."
    )


def _table(table: Mapping[str, Sequence[str]]) -> str:
    """Returns a table in which texts wrap, names after / _ -, and numbers do not."""
    wrapped = [name in WRAPPED_COLUMNS for name in table]
    rows = [_row("th", wrapped, table)]
    rows += [_row("td", wrapped, values) for values in zip(*table.values(), strict=True)]
    return f'<div class="wide"><table>{"".join(rows)}</table></div>'


def _row(tag: str, wrapped: Sequence[bool], values: Iterable[str]) -> str:
    cells = []
    for wraps, value in zip(wrapped, values, strict=True):
        text = html.escape(value)
        if wraps:
            text = BREAKABLE.sub(r"\1<wbr>", text)
            cells.append(f'<{tag} class="text">{text}</{tag}>')
        else:
            cells.append(f"<{tag}>{text}</{tag}>")
    return f"<tr>{''.join(cells)}</tr>"


def _note(text: str) -> str:
    return f'<p class="note">{html.escape(text)}</p>'
