"""Prints the results of `python -m export`: each artifact, and what speaks against it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from export.exporter import ExportResult
from export.parity.artifact_record import ArtifactRecord, Attempt, DeviceParity
from export.report.attempts import worst_layer_sentence
from export.report.wording import OUTCOMES, milliseconds, unknown_sentences
from runtime.shared.wording import counted
from runtime.system.terminal import escape_control_chars

HEADINGS = f"{'file':<20} {'outcome':<9} {'MB':>6} {'time':>7} accuracy    drop (95 %)"


def output_warnings(results: Sequence[ExportResult]) -> Iterator[str]:
    """Yields the warnings of the records, what stayed undecided, and what was refused."""
    warnings = [
        warning for result in results if not result.reused for warning in result.record.warnings
    ]
    yield from dict.fromkeys(warnings)
    for poor in dict.fromkeys(result.record.poor_model for result in results):
        if poor:
            yield f"{poor}; published all the same (--allow-poor-model)"
    undecided = [result for result in results if result.record.outcome == "undecided"]
    if undecided:
        subject = f"{len(undecided)} of {len(results)} files"
        if len(undecided) == 1:
            subject = undecided[0].artifact
        doubts = "; ".join(undecided[0].record.doubts)
        yield f"{subject}: {doubts}; published all the same, --strict would refuse that"
    for result in results:
        if result.refused:
            yield from _refusal(result)


def _refusal(result: ExportResult) -> Iterator[str]:
    reasons = "; ".join((*result.record.reasons, *worst_layer_sentence(result.record)))
    yield f"{result.artifact}: {reasons}. It was not published; report: {result.report}"
    if (Path(result.bundle) / result.artifact).exists():
        yield (
            f"{result.artifact}: the file that another command published before is still in"
            f" {result.bundle}"
        )


def attempt_line(number: int, attempt: Attempt) -> str:
    """Returns one attempt of `--precision auto` as one line."""
    layers = f" ({', '.join(attempt.float_layers)})" if attempt.float_layers else ""
    outcome: str = attempt.outcome
    if attempt.accuracy is not None:
        outcome += f", accuracy {attempt.accuracy:.4f}"
    parts = "; ".join((outcome, *attempt.reasons))
    return f"attempt {number}, {attempt.name}{layers}: {parts}"


def summary(result: ExportResult) -> str:
    """Returns one artifact in a few lines."""
    record, parity = result.record, result.record.parity
    outcome = _outcome(record)
    if result.reused:
        outcome += " (already there, made by this command)"
    speed = f"{milliseconds(record.latency.p50_ms)} an image here"
    size = f"{record.bytes / 1e6:.2f} MB"
    threads = counted(record.latency.threads, "thread")
    before = f"{record.reference} {parity.reference_accuracy:.4f}"
    accuracy = f"accuracy {parity.candidate_accuracy:.4f}, {before}"
    interval = f"95 % interval {parity.drop_low:+.4f} to {parity.drop_high:+.4f}"
    errors = f"score error mean {parity.mean_score_error:.4f}, worst {parity.worst_score_error:.4f}"
    same = "same top-1"
    worst_class = escape_control_chars(parity.worst_class)
    calibration = (
        f"calibration error {parity.candidate_calibration_error:.4f},"
        f" {record.reference} {parity.reference_calibration_error:.4f}"
    )
    classes = [f"  worst class '{worst_class}': drop {parity.worst_class_drop:+.4f}; {calibration}"]
    if record.similarity and record.similarity.one_class:
        accuracy, same, classes = f"right verdicts: {accuracy}", "same verdict", []
    return "\n".join(
        (
            f"{result.artifact}: {outcome}, {size}, {speed} ({threads})",
            f"  {accuracy}: drop {parity.drop:+.4f} ({interval}) on {parity.sample}",
            f"  {same} {parity.agreement:.4f}, {errors}",
            *classes,
            *(f"  {sentence}" for sentence in unknown_sentences(record)),
            *map(_device_lines, record.devices.values()),
            *_against_lines(record),
            f"  bundle {escape_control_chars(result.bundle)}",
            f"  report {escape_control_chars(result.report)}",
        )
    )


def _outcome(record: ArtifactRecord) -> str:
    if record.outcome == "passed":
        return "passed the parity gate"
    return f"{OUTCOMES[record.outcome].upper()} by the parity gate"


def _device_lines(device: DeviceParity) -> str:
    same = f"same top-1 as here {device.agreement:.4f}"
    error = f"worst score difference {device.worst_score_error:.2g}"
    return f"  on {device.device}, {device.images} images:\n    {same}, {error}"


def _against_lines(record: ArtifactRecord) -> Iterator[str]:
    old = record.against
    if old is None:
        return
    interval = f"95 % interval {old.drop_low:+.4f} to {old.drop_high:+.4f}"
    yield (
        f"  against bundle {old.replaces[0]} ({escape_control_chars(old.file)}), accuracy"
        f" {old.reference_accuracy:.4f}:"
    )
    yield f"    drop {old.drop:+.4f} ({interval}) on {old.sample}"
    worst = f"worst class '{escape_control_chars(old.worst_class)}': {old.worst_class_drop:+.4f}"
    yield f"    {counted(old.better, 'image')} better, {old.worse} worse; {worst}"
    if old.new_images:
        yield f"    {old.new_right} of {counted(old.new_images, 'image')} of new classes are right"


def table_row(result: ExportResult) -> str:
    """Returns one artifact as a row under HEADINGS, at most 80 columns wide.

    What was found on other devices follows in lines below it.
    """
    record, parity = result.record, result.record.parity
    outcome: str = record.outcome
    if outcome == "undecided":
        outcome = "UNDECIDED"
    size, time = f"{record.bytes / 1e6:.2f}", milliseconds(record.latency.p50_ms)
    interval = f"({parity.drop_low:+.4f}..{parity.drop_high:+.4f})"
    start = f"{result.artifact:<20} {outcome:<9} {size:>6} {time:>7}"
    row = f"{start}  {parity.candidate_accuracy:.4f} {parity.drop:+.4f} {interval}"
    devices = map(_device_lines, record.devices.values())
    return "\n".join((row, *devices, *_against_lines(record)))
