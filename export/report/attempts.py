"""Describes the attempts of `--precision auto`, and prints them as a table."""

from collections.abc import Sequence
from textwrap import wrap

from export.formats.artifact_spec import ArtifactSpec
from export.parity.artifact_record import ArtifactRecord, Attempt
from runtime.shared.wording import counted

WIDTH = 80
HEADINGS = ("attempt", "accuracy", "drop", "MB", "ms", "outcome")


def attempt_name(spec: ArtifactSpec) -> str:
    """Returns in words what an attempt makes."""
    if spec.precision == "mixed":
        words = [f"int8, {counted(len(spec.float_layers), 'layer')} in float"]
    else:
        words = [spec.precision]
    if spec.ranges == "percentile":
        words.append("percentile ranges")
    if spec.equalized:
        words.append("equalized")
    if spec.qat:
        words.append("fine-tuned")
    return ", ".join(words)


def compared_attempt(record: ArtifactRecord) -> Attempt:
    """Returns the attempt that gave an artifact with this record."""
    spec = record.made_by.spec
    reasons = record.doubts
    if record.reasons:
        reasons = (*record.reasons, *worst_layer_sentence(record))
    return Attempt(
        name=attempt_name(spec),
        artifact=spec.file,
        outcome=record.outcome,
        reasons=reasons,
        float_layers=spec.float_layers,
        accuracy=record.parity.candidate_accuracy,
        drop=record.parity.drop,
        size_bytes=record.size_bytes,
        ms=record.latency.p50_ms,
        threads=record.latency.threads,
    )


def worst_layer_sentence(record: ArtifactRecord) -> list[str]:
    """Returns a sentence that names the layer which quantization damages most.

    Returns nothing if layers were not measured, or if only another processor computes different
    answers.
    """
    if record.refused_on_device or not record.layers:
        return []
    worst = record.layers[0]
    return [
        f"quantization damages layer '{worst.layer}' most: at its scale {worst.scale:.3g} it loses"
        f" {worst.lost:.0%} of its signal (the layer before it, '{worst.input_layer}', has the"
        f" scale {worst.input_scale:.3g})"
    ]


def attempts_table(attempts: Sequence[Attempt]) -> list[str]:
    """Returns the attempts as lines of text; reasons follow below each that did not pass."""
    rows = [HEADINGS, *(_cells(attempt) for attempt in attempts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [_line(HEADINGS, widths)]
    for attempt, row in zip(attempts, rows[1:], strict=True):
        lines.append(_line(row, widths))
        notes = list(attempt.reasons)
        if attempt.float_layers:
            notes.insert(0, f"in float: {', '.join(attempt.float_layers)}")
        for note in notes:
            lines += wrap(note, WIDTH, initial_indent="    ", subsequent_indent="      ")
    threads = sorted({attempt.threads for attempt in attempts if attempt.threads})
    numbers = ", ".join(map(str, threads))
    return [*lines, f"ms: median of one image here, interpreter threads {numbers}"]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Joins the cells of a row, the first aligned left and the others right."""
    numbers = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join([f"{row[0]:<{widths[0]}}", *numbers])


def _cells(attempt: Attempt) -> tuple[str, ...]:
    return (
        attempt.name,
        "-" if attempt.accuracy is None else f"{attempt.accuracy:.4f}",
        "-" if attempt.drop is None else f"{attempt.drop:+.4f}",
        "-" if attempt.size_bytes is None else f"{attempt.size_bytes / 1e6:.2f}",
        "-" if attempt.ms is None else f"{attempt.ms:.1f}",
        attempt.outcome,
    )
