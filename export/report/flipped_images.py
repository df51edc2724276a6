"""Collects the images whose label changed, over all artifacts."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.shared.parity import LabelChange, ParityFigures


@dataclass(frozen=True)
class FlippedAnswer:
    """The answer of one artifact for an image whose label it changes."""

    file: str
    label: str
    score: float


@dataclass(frozen=True)
class FlippedImage:
    """An image whose label at least one artifact changes; the others answer as Keras does."""

    image: str
    truth: str
    reference: str
    reference_score: float
    answers: tuple[FlippedAnswer, ...]


def flipped_images(parities: Mapping[str, ParityFigures]) -> list[FlippedImage]:
    """Returns the images, those that most artifacts change first, then by the reference's score."""
    flips: dict[str, LabelChange] = {}
    answers: dict[str, list[FlippedAnswer]] = {}
    for file, parity in parities.items():
        for flip in parity.flips:
            flips.setdefault(flip.image, flip)
            answer = FlippedAnswer(file, flip.candidate_label, flip.candidate_score)
            answers.setdefault(flip.image, []).append(answer)
    images = [
        FlippedImage(
            path, flip.label, flip.reference_label, flip.reference_score, tuple(answers[path])
        )
        for path, flip in flips.items()
    ]
    return sorted(
        images, key=lambda image: (-len(image.answers), -image.reference_score, image.image)
    )
