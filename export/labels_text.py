"""The text of labels.txt, for other tools."""

from runtime.cli import printable


def labels_text(labels: tuple[str, ...]) -> str:
    """A label a line, what would break a line escaped."""
    return "".join(f"{printable(label)}\n" for label in labels)
