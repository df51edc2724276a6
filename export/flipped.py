"""The pictures that changed their label, put together over all artifacts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What one artifact said of a picture on which it differs from Keras."""

    file: str
    label: str
    score: float


@dataclass(frozen=True)
class FlippedPicture:
    """A picture on which at least one artifact's label is not Keras'; those not among `answers` say what Keras says."""

    picture: str
    truth: str
    reference: str
    reference_score: float
    answers: tuple[Answer, ...]


def flipped_pictures(records: Mapping[str, Mapping[str, Any]]) -> list[FlippedPicture]:
    """All of them, the ones that most artifacts flip first, of these the ones Keras was surest of."""
    answers: dict[str, list[Answer]] = {}
    first: dict[str, Mapping[str, Any]] = {}
    for file, record in records.items():
        for flip in record["parity"]["flips"]:
            first.setdefault(flip["picture"], flip)
            answers.setdefault(flip["picture"], []).append(Answer(file, flip["candidate"], flip["candidate_score"]))
    pictures = [
        FlippedPicture(name, flip["truth"], flip["reference"], flip["reference_score"], tuple(answers[name]))
        for name, flip in first.items()
    ]
    return sorted(pictures, key=lambda one: (-len(one.answers), -one.reference_score, one.picture))
