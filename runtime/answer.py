"""Turns scores and similarities into an answer: a class, "unsure", or "unknown"."""

from typing import Any, Literal, NamedTuple

from runtime.arrays import NDArray

Verdict = Literal["known", "unsure", "unknown"]


class Prediction(NamedTuple):
    """Holds one class and its score, a probability in 0..1."""

    label: str
    score: float


class Thresholds(NamedTuple):
    """Holds the limits below which an answer is not a class.

    min_score: 0..1, of the best score. min_similarity: -1..1, of the highest similarity; None for
    a model file without similarities.
    """

    min_score: float = 0.0
    min_similarity: float | None = None

    def replaced(self, min_score: float | None, min_similarity: float | None) -> "Thresholds":
        """Returns the thresholds with what the user chose; None leaves one as it is."""
        return Thresholds(
            self.min_score if min_score is None else min_score,
            self.min_similarity if min_similarity is None else min_similarity,
        )

    def verdict(self, best_score: float, similarity: float | None) -> Verdict:
        """Returns what the best score, 0..1, and the highest similarity, -1..1, mean.

        unknown: the image is none of the classes. unsure: it is one of them, but not clear which.
        Without similarities a low score is all that there is, and means unknown.
        """
        if self.min_similarity is not None and similarity is not None:
            if similarity < self.min_similarity:
                return "unknown"
            return "unsure" if best_score < self.min_score else "known"
        return "unknown" if best_score < self.min_score else "known"


NO_THRESHOLDS = Thresholds()
"""Calls every answer known."""


class Answer(tuple[Prediction, ...]):
    """Holds the best classes of an image, the best first, and what they are worth.

    verdict: "known": the first class is the answer. "unsure": it is one of the first two, but not
        clear which. "unknown": the image is none of the classes.
    similarity: the highest to any class, -1..1; None for a model file without similarities.
    one_class: the model has a single class, and the similarity is its score.
    """

    verdict: Verdict
    similarity: float | None
    one_class: bool

    def __new__(
        cls,
        predictions: tuple[Prediction, ...],
        verdict: Verdict = "known",
        similarity: float | None = None,
        *,
        one_class: bool = False,
    ) -> "Answer":
        """Returns an answer of these predictions."""
        answer = super().__new__(cls, predictions)
        answer.verdict, answer.similarity, answer.one_class = verdict, similarity, one_class
        return answer


def answer_text(verdict: Verdict | None, predictions: tuple[Prediction, ...]) -> str:
    """Returns the answer in words: a label, "unsure: A or B" or "unknown"."""
    if verdict == "known":
        return predictions[0].label
    if verdict == "unsure":
        return f"unsure: {' or '.join(prediction.label for prediction in predictions[:2])}"
    return "unknown"


def rank(scores: NDArray[Any], labels: tuple[str, ...], top: int) -> tuple[Prediction, ...]:
    """Returns the `top` highest of (classes,) scores; equal ones stay in label order."""
    order = (-scores).argsort(kind="stable")[:top].tolist()
    return tuple([Prediction(labels[index], scores.item(index)) for index in order])
