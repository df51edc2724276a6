"""The parity gate: an artifact is compared with the Keras model on every held-out picture before anyone can have it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.answers import Reference, collect
from export.confidence import fit_confidence
from export.trained import Run
from runtime.confidence import Confidence
from runtime.errors import CheckFailed, InputRefused
from runtime.parity import ParityReport, compare, pictures_to_decide


@dataclass(frozen=True)
class Limits:
    """What an artifact must keep to, 0..1.

    Accuracy lost against Keras at most `max_drop`, in any one class at most `max_class_drop`; same top-1 at least `min_agreement`.
    strict: what too few pictures leave undecided fails.
    """

    max_drop: float = 0.01
    min_agreement: float = 0.95
    max_class_drop: float = 1.0
    strict: bool = False

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= 1:
                raise InputRefused(f"--{name.replace('_', '-')}", f"expected a fraction from 0 to 1, found {value}")


@dataclass(frozen=True)
class Verdict:
    """The comparison, its limits, and the outcome: failed, for `reasons`, or undecided, for `doubts`, or passed."""

    parity: ParityReport
    limits: Limits
    outcome: Literal["passed", "undecided", "failed"]
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]

    def also(self, reasons: Iterable[str]) -> "Verdict":
        """The same, failed for these reasons too, if there are any."""
        more = (*self.reasons, *reasons)
        return replace(self, outcome="failed" if more else self.outcome, reasons=more)


class Judged(NamedTuple):
    """What one pass over the test pictures tells of a model file; (n, classes) float32 scores of Keras and of the file, in their order."""

    parity: ParityReport
    confidence: Confidence
    expected: NDArray[np.float32]
    found: NDArray[np.float32]


def judge(run: Run, reference: Reference, files: Sequence[Path]) -> dict[str, Judged]:
    """Compares each model file with the Keras model on the whole test split, and fits its confidence there; by file name.

    Raises:
        CheckFailed: one of them answers NaN.
        InputRefused: a test picture is gone or changed.
    """
    pictures = run.split("test")
    expected, answers = collect(run, pictures, reference, files)
    labels = run.manifest.labels
    truth = np.array([labels.index(picture.label) for picture in pictures])
    names = [picture.path for picture in pictures]
    return {
        file: Judged(compare(names, truth, expected, found, labels), fit_confidence(found, truth), expected, found)
        for file, found in answers.items()
    }


def pictures_text(count: int) -> str:
    """ "1 test picture is", "32 test pictures are"."""
    return "1 test picture is" if count == 1 else f"{count} test pictures are"


def require_deciding(limits: Limits, pictures: int, run: str) -> None:
    """Refuses, before any work, a strict gate that so many test pictures cannot pass even if no label changes.

    Raises:
        CheckFailed: they are too few.
    """
    needed = pictures_to_decide(limits.max_drop)
    if limits.strict and (needed is None or pictures < needed):
        most = f"at least {needed} are needed" if needed else "no number is enough"
        what = f"{pictures_text(pictures)} too few to decide whether a drop is at most {limits.max_drop}"
        raise CheckFailed(run, f"{what}; {most} (--strict)")


def decide(parity: ParityReport, limits: Limits) -> Verdict:
    """Holds a comparison against its limits."""
    reasons: list[str] = []
    doubts: list[str] = []
    interval = f"95 % interval {parity.drop_low:+.4f} to {parity.drop_high:+.4f}"
    if parity.drop > limits.max_drop:
        reasons.append(
            f"accuracy fell by {parity.drop:.4f} from {parity.reference_accuracy:.4f} ({interval}); at most {limits.max_drop} is allowed"
        )
    elif parity.drop_high > limits.max_drop:
        doubt = f"{pictures_text(parity.pictures)} too few to decide whether the drop is at most {limits.max_drop} ({interval}"
        needed = pictures_to_decide(limits.max_drop)
        doubt += f"; at least {needed} are needed)" if needed and parity.pictures < needed else ")"
        (reasons if limits.strict else doubts).append(doubt)
    if parity.worst_class_drop > limits.max_class_drop:
        reasons.append(f"class '{parity.worst_class}' lost {parity.worst_class_drop:.4f}; at most {limits.max_class_drop} is allowed")
    if parity.agreement < limits.min_agreement:
        reasons.append(f"only {parity.agreement:.4f} of the top-1 labels are the same; at least {limits.min_agreement} is asked")
    if parity.constant:
        reasons.append("it gives the same scores for every picture")
    outcome: Literal["passed", "undecided", "failed"] = "failed" if reasons else "undecided" if doubts else "passed"
    return Verdict(parity, limits, outcome, tuple(reasons), tuple(doubts))
