"""Prints the results of `python -m export`: each artifact, and what speaks against it."""

import argparse
import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from export.commands.artifact_arguments import AUTO
from export.commands.external_model_arguments import ALL
from export.exporter import ExportResult
from export.formats.registry import FORMATS
from export.parity.artifact_record import ArtifactRecord, Attempt, DeviceParity
from export.report.attempts import attempts_table, worst_layer_sentence
from export.report.wording import OUTCOMES, milliseconds, unknown_sentences
from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.shared.wording import counted
from runtime.system.terminal import escape_control_chars, say

HEADINGS = f"{'file':<20} {'outcome':<9} {'MB':>6} {'time':>7} accuracy    drop (95 %)"


def print_attempt(arguments: argparse.Namespace, number: int, attempt: Attempt) -> None:
    """Prints an attempt; the only one of an int8 export that passes says all that itself."""
    if arguments.precision == AUTO or number > 1 or attempt.outcome == "failed":
        say(attempt_line(number, attempt))


def print_results(
    arguments: argparse.Namespace, results: Sequence[ExportResult], attempts: Sequence[Attempt]
) -> None:
    """Prints what was published, and all attempts of a search; and the warnings about them."""
    published = [result for result in results if not result.refused]
    text = summary
    if arguments.format == ALL:
        text = table_row
        if published and not arguments.json:
            print(HEADINGS)
    for result in published:
        print_result(result, as_json=arguments.json, text=partial(text, result))
    if attempts and not arguments.json:
        print("\n".join(map(escape_control_chars, attempts_table(attempts))))
    for warning in output_warnings(results):
        say(f"{program_name('export')}: {warning}")


def print_next_step(
    arguments: argparse.Namespace, bundle: Path, results: Sequence[ExportResult]
) -> None:
    """Prints what the user may do next."""
    published = [result for result in results if not result.refused]
    if published:
        if arguments.format == ALL:
            say(f"bundle {bundle}, report {published[0].report}")
        say(f"next: {program_name('runtime')} verify {shlex.quote(str(bundle))}")
        return
    row = FORMATS.get(arguments.format)
    auto_may_help = row and row.layer_errors and arguments.precision != AUTO
    if auto_may_help and not any(result.record.refused_on_device for result in results):
        say(f"next: the same command with --precision {AUTO}, which tries the other precisions")


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
    size = f"{record.size_bytes / 1e6:.2f} MB"
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
    if record.similarity_figures and record.similarity_figures.one_class:
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
        f"  against bundle {old.replaces[0]} ({escape_control_chars(old.artifact)}), accuracy"
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
    size, time = f"{record.size_bytes / 1e6:.2f}", milliseconds(record.latency.p50_ms)
    interval = f"({parity.drop_low:+.4f}..{parity.drop_high:+.4f})"
    start = f"{result.artifact:<20} {outcome:<9} {size:>6} {time:>7}"
    row = f"{start}  {parity.candidate_accuracy:.4f} {parity.drop:+.4f} {interval}"
    devices = map(_device_lines, record.devices.values())
    return "\n".join((row, *devices, *_against_lines(record)))
