"""Groups the images of one object, which must not be in two splits.

An object is a folder inside a class folder, a burst of `quince run collect`, or what a pattern
finds in file names. Near-duplicates and exact copies join their groups.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from runtime.errors import InputRefused
from runtime.inbox.names import burst_of
from train.data.image_folder import ImageFolder
from workstation.run_folder import ImageRecord

ALIKE = "alike-"
"""Begins the name of a group of near-duplicates that shows no named object."""


def is_object(group: str) -> bool:
    """Checks whether a group is of a named object, not only of near-duplicates."""
    return bool(group) and not group.startswith(ALIKE)


def name_objects(folder: ImageFolder, pattern: str | None) -> dict[str, str]:
    """Returns the object of each file that shows one, by its path below the data folder.

    Without a pattern it is the burst in the name of a collected image, which may be in several
    classes, or "CLASS/SUBFOLDER". A class with all its files in one subfolder has no objects by
    that. `pattern` is a regular expression that is searched in file names; its first group, or
    all that it matches, is the object.

    Raises:
        InputRefused: the pattern is invalid, or matches no file name.
    """
    if pattern is not None:
        return _by_pattern(folder, pattern)
    objects: dict[str, str] = {}
    members: defaultdict[str, set[str]] = defaultdict(set)
    for class_folder, file in folder.rows():
        subfolder = str(file.relative_to(class_folder.path).parent)
        members[class_folder.label].add(subfolder)
        if subfolder != ".":
            name = f"{class_folder.label}/{subfolder}"
            objects[str(file.relative_to(folder.root))] = name
    wrapped = {
        f"{label}/{next(iter(names))}" for label, names in members.items() if len(names) == 1
    }
    objects = {path: name for path, name in objects.items() if name not in wrapped}
    return objects | bursts(folder)


def bursts(folder: ImageFolder) -> dict[str, str]:
    """Returns the burst of each file that `quince run collect` named, by its path."""
    return {
        str(file.relative_to(folder.root)): burst
        for _, file in folder.rows()
        if (burst := burst_of(file.name))
    }


def _by_pattern(folder: ImageFolder, pattern: str) -> dict[str, str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputRefused(
            "--group-by", f"expected a regular expression, found {pattern!r}: {error}"
        ) from error
    objects = {}
    files = [file for _, file in folder.rows()]
    for file in files:
        if match := expression.search(file.name):
            name = match[1] if expression.groups else match[0]
            if name:
                objects[str(file.relative_to(folder.root))] = name
    if not objects:
        raise InputRefused(
            "--group-by",
            f"{pattern!r} matches none of the {len(files)} file names, such as {files[0].name}",
        )
    return objects


def assign_groups(
    images: Iterable[ImageRecord],
    objects: dict[str, str],
    near_duplicates: Sequence[Sequence[str]],
) -> list[ImageRecord]:
    """Returns the images with their groups.

    `near_duplicates` are groups of sha256s. Groups with a common image or object become one, named
    after its first object, or after its first image.
    """
    images = list(images)
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            node = parent[node] = parent[parent[node]]
        return node

    for group in near_duplicates:
        for sha256 in group:
            parent[root(sha256)] = root(group[0])
    for image in images:
        if image.sha256 and image.path in objects:
            parent[root(image.sha256)] = root(f"object {objects[image.path]}")
    names: dict[str, str] = {}
    for image in images:
        if image.path in objects and image.sha256:
            key = root(image.sha256)
            names[key] = min(names.get(key, objects[image.path]), objects[image.path])
    for group in near_duplicates:
        names.setdefault(root(group[0]), f"{ALIKE}{min(group)[:12]}")
    return [
        replace(image, group=names.get(root(image.sha256), "")) if image.sha256 else image
        for image in images
    ]
