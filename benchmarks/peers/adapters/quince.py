"""Runs our own side: `Classifier`, on the file that the peer gets."""

from collections.abc import Callable

from runtime import Classifier


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label."""
    classifier = Classifier(model, threads=threads)
    return lambda image: classifier.classify(image)[0].label
