"""Collects images that are worth a label: unknown, unsure, at changes, different, and by chance."""

import argparse
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from runtime.classifier import Classifier
from runtime.cli.identity import program_name
from runtime.errors import QuinceError
from runtime.images.preprocessing import preprocess
from runtime.images.region import crop_region
from runtime.inbox.collector import BY_THUMBNAIL, AppearanceMeasure, Collector, InboxLimits
from runtime.inbox.names import Reason
from runtime.inbox.note import Note, local_time
from runtime.inbox.selection import Floats
from runtime.monitor.sinks.base import Sink, SinkContext
from runtime.monitor.sinks.events import AnswerChange, FrameResult
from runtime.system.terminal import say

if TYPE_CHECKING:
    from runtime.explanation.linear_head import LinearHead

FEATURE_SCALE = 0.15
"""Brings distances of features, 0..2, to those of thumbnails."""


@contextmanager
def open_collector(options: argparse.Namespace, context: SinkContext) -> Iterator[Sink]:
    """Collects until the context ends; each view has a collector of its own, and all one inbox.

    Raises:
        InputRefused: the folder is a file.
    """
    measured, changed = _MeasuredByModel(), set[str]()
    limits = InboxLimits(options.collect_most, options.collect_megabytes * 10**6)
    collectors = {
        view.name: Collector(
            options.collect,
            limits,
            context.errors.report,
            live=view.live,
            measure_now=measured.current,
        )
        for view in context.views
    }

    def note_change(change: AnswerChange) -> None:
        if change.state == "running":
            changed.add(change.view.name)
        else:
            changed.discard(change.view.name)

    def offer(result: FrameResult) -> None:
        measured.classifier = result.classifier
        name = result.view.name
        note = _note(result, changed=name in changed)
        collectors[name].offer(_as_trained(result), note)
        changed.discard(name)

    try:
        yield Sink(on_change=note_change, on_frame=offer)
    finally:
        for collector in collectors.values():
            collector.close()
        stored = sum(collector.stored for collector in collectors.values())
        report_collected(context.errors.program, stored, options.collect)


def report_collected(program: str, stored: int, inbox: Path) -> None:
    """Prints how many images were written, and the next command; nothing if there are none."""
    if stored:  # Ctrl-C is how it ends with a camera, so this comes at the very end
        say(f"{program}: images written to {inbox}: {stored}")
        say(f"{program}: next: {program_name('runtime')} label {shlex.quote(str(inbox))}")


def _as_trained(result: FrameResult) -> Image.Image:
    """Returns what the model's training takes: whole frames if it has a region of its own.

    A model without one was trained on images of what the user's region shows.
    """
    if result.classifier and result.classifier.preprocessing.region:
        return result.frame.image
    return crop_region(result.frame.image, result.view.region)


class _MeasuredByModel:
    """Measures images by the features of the newest classifier, and without any by thumbnails."""

    classifier: Classifier | None = None

    def __init__(self) -> None:
        self._opened: Classifier | None = None
        self._measure = BY_THUMBNAIL
        self._lock = threading.Lock()

    def current(self) -> AppearanceMeasure:
        """Returns how images are measured now; the threads of the collectors call it.

        The model file is loaded once more for each classifier.
        """
        with self._lock:
            classifier = self.classifier
            if classifier is not None and classifier is not self._opened:
                self._opened = classifier
                self._measure = _measure_of(classifier)
            return self._measure


def _measure_of(classifier: Classifier) -> AppearanceMeasure:
    # Imported here, because few cameras collect.
    from runtime.explanation.explainer import open_head

    with suppress(QuinceError):
        if head := open_head(classifier)[0]:
            side = classifier.preprocessing.decode_side
            return AppearanceMeasure(classifier.id, partial(_features, classifier, head), side)
    return BY_THUMBNAIL


def _features(classifier: Classifier, head: "LinearHead", image: Image.Image) -> Floats:
    values = head.features(preprocess(image, classifier.preprocessing)).mean((0, 1))
    length = max(float(np.linalg.norm(values)), 1e-6)
    return np.asarray(FEATURE_SCALE * values / length, np.float32)


def _note(result: FrameResult, *, changed: bool) -> Note:
    reason: Reason = "different" if result.verdict == "known" else result.verdict
    return Note(
        "change" if changed else reason,
        result.view.source_address,
        result.frame.name,
        local_time(),
        result.preprocessing.region,
        result.model_ref.bundle_id,
        result.top.label,
        round(result.top.score, 4),
        result.verdict,
        None if result.similarity is None else round(result.similarity, 4),
    )
