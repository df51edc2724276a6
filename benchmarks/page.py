"""The latency page: one HTML file that needs no other."""

import html
import time
from collections.abc import Iterator, Sequence

from benchmarks.charts import beyond, fastest, pareto, pareto_chart, samples_chart, stages_chart
from benchmarks.latency_report import LatencyReport
from benchmarks.measured import Measurement, label, label_with_threads, threads_text
from benchmarks.samples import short
from benchmarks.table import halves
from benchmarks.wording import conditions_rows
from runtime.page import head

STYLE = """<style>
.chart { display: block; width: 100%; min-width: 34rem; max-width: 46rem; height: auto; } svg.chart text { font-size: 11px; }
.samples > div { width: 36rem; max-width: 100%; } .samples h3 { margin: .3rem 0 0; }
.s0 { fill: #7a8fb0; } .s1 { fill: #b59bd0; } .s2 { fill: #d9a441; } .s3 { fill: #2f7fc1; } .s4 { fill: #5aa874; }
.on { fill: var(--good); } .off { fill: var(--soft); } .front { fill: none; stroke: var(--good); stroke-width: 1.5; opacity: .6; }
.dots { stroke: var(--mark); stroke-width: 2.4; stroke-linecap: round; opacity: .65; }
.far { stroke: var(--bad); stroke-width: 3.4; stroke-linecap: round; } .median { stroke: var(--doubt); stroke-dasharray: 5 4; fill: none; }
</style>"""


def render(report: LatencyReport) -> str:
    """The page of one result."""
    title = f"{report.name} – latency"
    return "\n".join([head(title), STYLE, *_body(report), "</html>"]) + "\n"


def _body(report: LatencyReport) -> Iterator[str]:
    machine = report.before.machine
    yield f"<h1>{_text(report.name)}: latency</h1>"
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(report.before.at_s))
    where = (
        ", ".join(part for part in (machine.board, machine.cpu_model, machine.system) if part) or "a machine that does not tell its name"
    )
    yield _note(f"{where}; {when}. {_best(report.measurements)}")
    yield from _doubts(report)
    yield "<h2>One picture, from its pixels to the scores</h2>"
    yield _note(f"Milliseconds, one picture after another. {_rule(report)}")
    samples, rest = halves(report.measurements)
    yield _table(samples)
    yield _note("A cold start is a fresh process up to its first answer, its files in the page cache. Memory is above that of bare Python.")
    yield _table(rest)
    points = pareto(report.measurements)
    if len(points) > 1:
        yield "<h2>Accuracy against latency</h2>"
        yield _note("Each model file at its fastest number of threads. On the green line: no other is both as fast and as accurate.")
        yield pareto_chart(points)
    staged = [(label_with_threads(one, report.measurements), one.stages) for one in report.measurements if one.stages]
    if staged:
        yield "<h2>Where the time of a picture file goes</h2>"
        yield _note("Medians, from the file's content to the labels, of the pictures that were used: larger ones take longer to decode.")
        yield stages_chart(staged)
    yield "<h2>Every sample, in order</h2>"
    yield _note("A flat band is a quiet machine. The dashed line is the median; red: above the chart.")
    yield '<div class="plots samples">'
    for one in report.measurements:
        above = f", {beyond(one)} above the chart, the longest {short(one.summary.max_ms)} ms" if beyond(one) else ""
        count = f"{one.summary.count} sample{'' if one.summary.count == 1 else 's'}"
        yield f"<div><h3>{_text(label_with_threads(one, report.measurements))}</h3>{_note(f'{count}{above}')}"
        yield f"{samples_chart(one)}</div>"
    yield "</div><h2>Conditions</h2>"
    rows = conditions_rows(report)
    yield _table({"": [row[0] for row in rows], "before": [row[1] for row in rows], "after": [row[2] for row in rows]}, wide_cells=True)
    yield f"<h2>Made with</h2><pre>{_text(report.command)}</pre>"


def _doubts(report: LatencyReport) -> Iterator[str]:
    doubts = report.doubts()
    if not doubts:
        yield '<p class="passed">Nothing in the conditions makes these figures doubtful.</p>'
        return
    yield f'<p class="doubt">{len(doubts)} reason{"" if len(doubts) == 1 else "s"} to doubt these figures:</p><ul class="doubt">'
    yield from (f"<li>{_text(doubt)}</li>" for doubt in doubts)
    yield "</ul>"


def _best(measurements: Sequence[Measurement]) -> str:
    best = min(fastest(measurements), key=lambda one: one.summary.p50_ms)
    return f"The fastest: {label(best, measurements)} with {threads_text(best.threads)}, {short(best.summary.p50_ms)} ms."


def _rule(report: LatencyReport) -> str:
    rule = report.rule
    least = f"at least {rule.iterations} samples and {rule.min_seconds:g} s" + (
        f", at most {rule.max_seconds:g} s" if rule.max_seconds else ""
    )
    harness = max(one.overhead_us for one in report.measurements)
    paired = " Two models in turn, loaded together in each of 12 processes." if report.pair_loads else " Each in a process of its own."
    return f"{rule.warmup} runs to warm up, then {least}.{paired} The timing itself takes {harness:.2g} µs of a sample."


def _table(table: dict[str, list[str]], *, wide_cells: bool = False) -> str:
    kind = ' class="name"' if wide_cells else ""
    names = "".join(f"<th{kind}>{_text(name)}</th>" for name in table)
    rows = "".join(
        "<tr>" + "".join(f"<td{kind if place else ''}>{_text(value)}</td>" for place, value in enumerate(row)) + "</tr>"
        for row in zip(*table.values(), strict=True)
    )
    return f'<div class="wide"><table><tr>{names}</tr>{rows}</table></div>'


def _note(text: str) -> str:
    return f'<p class="note">{_text(text)}</p>'


def _text(text: str) -> str:
    return html.escape(text)
