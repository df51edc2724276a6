"""Holds a learning curve, and what more images of each class are worth."""

from dataclasses import dataclass

from runtime.shared.wording import counted

MORE = 20
"""Images whose worth is estimated."""


@dataclass(frozen=True)
class CurvePoint:
    """Holds the accuracy, 0..1, with so many images to learn from, and its 95 % interval."""

    images: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassWorth:
    """Says what MORE images of a class are worth.

    recall: the part of its images that is answered right, 0..1. gain: what is added to it if the
    other classes grow alike, with the 95 % interval low to high, drawn object by object. All are
    None where the class has too few objects.
    """

    label: str
    images: int
    objects: int
    recall: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None

    def sentence(self) -> str:
        """Returns the estimate in words."""
        if self.gain is None or self.low is None or self.high is None or self.recall is None:
            return f"'{self.label}' has {counted(self.objects, 'object')}, too few to estimate from"
        points = f"{100 * self.gain:.1f} points (95 % interval {100 * self.low:.1f} to"
        points += f" {100 * self.high:.1f})"
        return (
            f"{MORE} more images of '{self.label}' are worth about {points}: {self.recall:.1%} of"
            f" its {counted(self.images, 'image')} are right now"
        )
