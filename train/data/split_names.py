"""Knows the names that archives give their splits: `Training`, `train_set`, `seg_train`, `dev`."""

import re

from workstation.run_folder import Split

SPLIT_WORDS: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "development"), "val"),
    **dict.fromkeys(("eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "holdout"), "test"),
}
"""The split that each word of a folder's name stands for, in lower case."""

FILLERS = frozenset(
    {
        *("set", "sets", "data", "dataset", "datasets", "folder", "folders", "split", "seg"),
        *("image", "images", "img", "imgs", "photo", "photos", "picture", "pictures"),
        *("splits", "subset", "sample", "samples", "part", "partition", "classes", "v", "version"),
        *("small", "mini", "full", "raw", "clean", "cleaned", "original", "final", "new"),
        *("resized", "cropped", "augmented", "aug", "labeled", "labelled"),
    }
)
"""Words that may stand beside the word of a split: `training_set`, `seg_train`, `train_v2`."""


def split_of(name: str) -> Split | None:
    """Returns the split that a folder's name stands for, or None for any other name."""
    found = split_and_rest(name)
    return found[0] if found and not found[1] else None


def split_and_rest(name: str) -> tuple[Split, tuple[str, ...]] | None:
    """Returns the split in a name and the words of its own: `asl_train` has the word `asl`.

    Returns None where the name holds no word of a split, or several.
    """
    splits, rest = [], []
    for word in _words(name):
        for filler in ("set", "dataset", "data", "images"):  # trainset, testdata
            if word not in SPLIT_WORDS and word.removesuffix(filler) in SPLIT_WORDS:
                word = word.removesuffix(filler)
        if word in SPLIT_WORDS:
            splits.append(SPLIT_WORDS[word])
        elif word not in FILLERS:
            rest.append(word)
    return (splits[0], tuple(rest)) if len(splits) == 1 else None


def _words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # TestImages
    return [word for word in re.split(r"[\W_\d]+", spaced.lower()) if word]


def is_filler(name: str) -> bool:
    """Returns whether a folder's name says nothing of its own, as `images` and `dataset`."""
    words = _words(name)
    return bool(words) and FILLERS.issuperset(words)
