"""What `python -m export` prints of its results: each artifact, and what speaks against it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from export.run import ExportResult
from export.rung import culprit
from export.wording import milliseconds
from runtime import cli

OUTCOMES = {"passed": "passed the parity gate", "undecided": "UNDECIDED by the parity gate", "failed": "REFUSED by the parity gate"}
HEADINGS = f"{'file':<20} {'outcome':<9} {'MB':>6} {'time':>7} accuracy    drop (95 %)"


def complaints(results: Sequence[ExportResult]) -> Iterator[str]:
    """Warnings of the calibration, what stayed undecided, and what was refused."""
    for warning in dict.fromkeys(warning for result in results if not result.reused for warning in result.record["warnings"]):
        yield f"calibration: {warning}"
    undecided = [result for result in results if result.record["outcome"] == "undecided"]
    if undecided:
        what = undecided[0].artifact if len(undecided) == 1 else f"{len(undecided)} of {len(results)} files"
        yield f"{what}: {'; '.join(undecided[0].record['doubts'])}; published all the same, --strict refuses that"
    for result in results:
        if result.refused:
            reasons = "; ".join((*result.record["reasons"], *culprit(result.record)))
            yield f"{result.artifact}: {reasons}. It was not published; report: {result.report}"
            if (Path(result.bundle) / result.artifact).exists():
                yield f"{result.artifact}: the one published before, judged by another command, is still in {result.bundle}"


def summary(result: ExportResult) -> str:
    """One artifact in a few lines."""
    parity, latency = result.record["parity"], result.record["latency"]
    threads = f"{latency['threads']} thread{'' if latency['threads'] == 1 else 's'}"
    speed = f"{milliseconds(latency['p50_ms'])} a picture here ({threads})"
    outcome = f"{OUTCOMES[result.record['outcome']]}{' (already there, made by this command)' if result.reused else ''}"
    accuracy = f"accuracy {parity['candidate_accuracy']:.4f}, Keras {parity['reference_accuracy']:.4f}"
    interval = f"95 % interval {parity['drop_low']:+.4f} to {parity['drop_high']:+.4f}"
    calibration = f"calibration error {parity['candidate_calibration_error']:.4f}, Keras {parity['reference_calibration_error']:.4f}"
    confidence = result.record["confidence"]
    unsure = f"unknown below {confidence['min_score']:.3f}: keeps {confidence['right_kept']:.1%} of right, "
    unsure += f"stops {confidence['wrong_refused']:.1%} of wrong answers"
    if not confidence["min_score"]:
        unsure = "nothing is called unknown: too few of these answers are wrong to tell when"
    errors = f"score error mean {parity['mean_score_error']:.4f}, worst {parity['worst_score_error']:.4f}"
    return "\n".join(
        (
            f"{result.artifact}: {outcome}, {result.record['bytes'] / 1e6:.2f} MB, {speed}",
            f"  {accuracy}: drop {parity['drop']:+.4f} ({interval}) on {parity['pictures']} pictures",
            f"  same top-1 {parity['agreement']:.4f}, {errors}",
            f"  worst class '{cli.printable(parity['worst_class'])}': drop {parity['worst_class_drop']:+.4f}; {calibration}",
            f"  {unsure}",
            *map(_on_device, result.record["devices"].values()),
            f"  bundle {cli.printable(result.bundle)}",
            f"  report {cli.printable(result.report)}",
        )
    )


def _on_device(there: Mapping[str, Any]) -> str:
    same = f"same top-1 as here {there['agreement']:.4f}, worst score difference {there['worst_score_error']:.2g}"
    return f"  on {there['device']}, {there['pictures']} pictures:\n    {same}"


def line(result: ExportResult) -> str:
    """One artifact as a row under HEADINGS, at most 80 columns wide, and below it what was found on other devices."""
    parity, record = result.record["parity"], result.record
    outcome = "UNDECIDED" if record["outcome"] == "undecided" else record["outcome"]
    size, time = f"{record['bytes'] / 1e6:.2f}", milliseconds(record["latency"]["p50_ms"])
    interval = f"({parity['drop_low']:+.4f}..{parity['drop_high']:+.4f})"
    what = f"{result.artifact:<20} {outcome:<9} {size:>6} {time:>7}"
    row = f"{what}  {parity['candidate_accuracy']:.4f} {parity['drop']:+.4f} {interval}"
    return "\n".join((row, *map(_on_device, record["devices"].values())))
