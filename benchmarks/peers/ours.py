"""Our own side: `Classifier`, on the file that the peer is given."""

from collections.abc import Callable

from runtime import Classifier


def load(model: str, threads: int) -> Callable[[str], str]:
    """From a picture file to its label."""
    classifier = Classifier(model, threads=threads)
    return lambda picture: classifier.classify(picture)[0].label
