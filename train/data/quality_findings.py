"""Finds faults and remarks that a person should know before trusting an accuracy on a data set."""

from collections import Counter
from collections.abc import Iterator, Sequence

from runtime.cli.identity import program_name
from runtime.shared.wording import counted
from train.data.dataset import Dataset
from train.data.groups import is_object
from workstation.run_folder import ImageRecord, Split

MIN_TRAINING_IMAGES = 20
"""With fewer in a class an accuracy says little: one test image is worth several points."""
MAX_IMBALANCE = 10
"""A class with this many times the images of the smallest class dominates the accuracy."""
HELD_OUT: tuple[tuple[Split, str, frozenset[Split], str], ...] = (
    ("test", "test", frozenset({"train", "val"}), "training or validation"),
    ("val", "validation", frozenset({"train"}), "training"),
)
"""Each held-out split, its name, and the splits it must share nothing with, and their name."""

MAX_OBJECTS = 3
"""How many objects or classes a sentence names."""

RecordPair = tuple[ImageRecord, ImageRecord]
"""Two files that look the same."""


def find_faults(
    data: Dataset,
    split_pairs: Sequence[RecordPair],
    class_pairs: Sequence[RecordPair],
    pairs_listed: str,
) -> Iterator[str]:
    """Yields a sentence on each fault that makes an accuracy wrong.

    Args:
        split_pairs: near-duplicates in different splits, the held-out image first.
        class_pairs: near-duplicates in different classes.
        pairs_listed: where a user finds all pairs.
    """
    if refused := len(data.split("refused")):
        yield f"{refused} of {len(data.images)} files were refused"
    yield from _shared_between_splits(data, split_pairs, pairs_listed)
    yield from _objects_in_two_splits(data)
    if class_pairs:
        left, right = class_pairs[0]
        files = {image.path for pair in class_pairs for image in pair}
        yield (
            f"{len(files)} images look nearly the same as one of another class "
            f"({left.path} and {right.path}): is a label wrong? All pairs: {pairs_listed}"
        )


def find_remarks(
    data: Dataset, used: Sequence[ImageRecord], group_sizes: Counter[int], input_size: int
) -> Iterator[str]:
    """Yields a sentence on whatever else a person should know.

    Args:
        used: the images that were not refused.
        group_sizes: the number of used images in each group of near-duplicates.
        input_size: side of the model's input in pixels.
    """
    if data.note:
        yield data.note
    if data.left_out:
        yield (
            f"{len(data.left_out)} hidden files, files of file managers and links to a parent "
            f"folder were left out (the first: {data.left_out[0]}); "
            f"{program_name('train')} check --verbose lists them"
        )
    if data.unmarked_ends:
        yield (
            f"{len(data.unmarked_ends)} JPEGs lack the end marker (the first: "
            f"{data.unmarked_ends[0]}); they are used, because no image data is missing"
        )
    if group_sizes:
        yield (
            f"{group_sizes.total()} of {len(used)} images are near-duplicates "
            f"(groups: {len(group_sizes)}, the largest of {max(group_sizes.values())}); "
            "where Quince draws the split, a group stays in one split"
        )
    if copies := len(used) - len({image.sha256 for image in used}):
        yield f"{copies} of {len(used)} images are exact copies of others; copies stay in one split"
    yield from _objects(data, used)
    yield from _absent_classes(data)
    yield from _class_sizes(data)
    yield from _mixed_colour(data, used)
    yield from _small_images(data, used, input_size)


def _shared_between_splits(
    data: Dataset, split_pairs: Sequence[RecordPair], pairs_listed: str
) -> Iterator[str]:
    """Yields the number of held-out images that have a near-duplicate in training.

    Either the images leaked, or nearly all images of a class are alike.
    """
    split_of = {image.sha256: image.split for image in data.images if image.split != "refused"}
    for split, name, seen_splits, seen_name in HELD_OUT:
        images = data.split(split)
        near_seen = {
            sha256
            for group in data.appearance.groups
            if seen_splits & set(map(split_of.get, group))
            for sha256 in group
        }
        linked = [image for image in images if image.sha256 in near_seen]
        seen_twin: dict[str, str] = {}
        for held_out, seen in split_pairs:
            if held_out.split == split and seen.split in seen_splits:
                seen_twin.setdefault(held_out.path, seen.path)
        near = f"of {len(images)} {name} images are near-duplicates of images in {seen_name}"
        if seen_twin:
            held_out_path, seen_path = next(iter(seen_twin.items()))
            indirect = sum(image.path not in seen_twin for image in linked)
            more = f", and {indirect} more through images between them" if indirect else ""
            yield (
                f"{len(seen_twin)} {near} ({held_out_path} of {seen_path}){more}: "
                "are they frames of one clip, or photos of one object? They make the accuracy too "
                f"high. All pairs: {pairs_listed}"
            )
        elif linked:
            labels = ", ".join(sorted({image.label for image in linked}))
            yield (
                f"{len(linked)} {near}, since nearly all of {labels} are alike: "
                "they make the accuracy too high; add images taken at other times"
            )


def _objects_in_two_splits(data: Dataset) -> Iterator[str]:
    """Yields the held-out images whose object is in training too.

    Folder names set such a split, or the class has too few objects to keep one aside.
    """
    parts, objects = [], set[str]()
    for split, name, seen_splits, seen_name in HELD_OUT:
        seen = {image.group for image in data.images if image.split in seen_splits}
        images = data.split(split)
        shared = [image.group for image in images if is_object(image.group) and image.group in seen]
        if shared:
            parts.append(
                f"{len(shared)} of {len(images)} {name} images show objects that are in"
                f" {seen_name} too"
            )
            objects.update(shared)
    if parts:
        yield (
            f"{', and '.join(parts)} ({_some(sorted(objects))}): the accuracy says little about"
            " new objects"
        )


def _objects(data: Dataset, used: Sequence[ImageRecord]) -> Iterator[str]:
    """Yields the number of objects, and the classes that have a single one."""
    shown = [image for image in used if is_object(image.group)]
    if not shown:
        return
    count = len({image.group for image in shown})
    yield (
        f"{len(shown)} of {len(used)} images show {counted(count, 'object')}; "
        "where Quince draws the split, an object stays in one split"
    )
    groups = {(image.label, image.group or image.path) for image in used}
    per_class = Counter(label for label, _ in groups)
    if single := [f"'{label}'" for label in data.labels if per_class[label] == 1]:
        yield (
            f"all images of {_some(single)} show one object{' each' if single[1:] else ''}: its"
            " accuracy says nothing about others; add images of more objects"
        )


def _absent_classes(data: Dataset) -> Iterator[str]:
    for split, name, _, _ in reversed(HELD_OUT):
        if absent := set(data.labels) - {image.label for image in data.split(split)}:
            labels = ", ".join(sorted(absent))
            yield f"no {name} images of {labels}: the accuracy on them stays unknown"


def _class_sizes(data: Dataset) -> Iterator[str]:
    counts = Counter(image.label for image in data.split("train")).most_common()
    (large_label, largest), (small_label, smallest) = counts[0], counts[-1]
    if largest >= MAX_IMBALANCE * smallest:
        yield (
            f"'{large_label}' has {largest} training images and '{small_label}' {smallest}: "
            "one accuracy over all classes is misleading; "
            "--class-weights balanced makes each class count the same"
        )
    small = [(label, count) for label, count in counts if count < MIN_TRAINING_IMAGES]
    if small:
        few = _some([f"'{label}' ({count})" for label, count in small])
        yield (
            f"fewer than {MIN_TRAINING_IMAGES} training images of {few}: an accuracy of such a"
            " class will mean little"
        )


def _some(names: Sequence[str]) -> str:
    """Returns the first names, and how many more there are."""
    more = len(names) - MAX_OBJECTS
    return ", ".join(names[:MAX_OBJECTS]) + (f" and {more} more" if more > 0 else "")


def _mixed_colour(data: Dataset, used: Sequence[ImageRecord]) -> Iterator[str]:
    grey = Counter(image.label for image in used if image.sha256 in data.appearance.grey)
    if 0 < grey.total() < len(used):
        totals = Counter(image.label for image in used)
        label = max(sorted(grey), key=lambda name: grey[name] / totals[name])
        yield (
            f"{grey.total()} of {len(used)} images are grey, the others in colour "
            f"(of '{label}' {grey[label]} of {totals[label]}): "
            "the model may learn that instead of the class"
        )


def _small_images(data: Dataset, used: Sequence[ImageRecord], input_size: int) -> Iterator[str]:
    sizes = data.appearance.sizes
    sides = {image.path: min(sizes[image.sha256]) for image in used if image.sha256 in sizes}
    small = {path: side for path, side in sides.items() if 2 * side < input_size}
    if small:
        smallest = min(small, key=lambda path: small[path])
        yield (
            f"{len(small)} of {len(used)} images have less than half the input's {input_size} "
            f"pixels a side ({smallest}: {small[smallest]}) and will be blurred"
        )
