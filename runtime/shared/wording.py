"""Words numbers for messages and pages."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """Returns "1 image", "2 images"; `plural` is needed where it is not the noun with an s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
