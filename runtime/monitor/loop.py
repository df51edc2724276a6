"""Runs the loop of `camera`: frame, scores, stable answer, sinks."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runtime.classifier import Classifier
from runtime.errors import ImageRefused
from runtime.images.small_grey import small_image
from runtime.monitor.capture import Capture, EndOfStream, wait_for_arrival
from runtime.monitor.looking import ALWAYS, LookRule
from runtime.monitor.sinks.dispatcher import SinkDispatcher
from runtime.monitor.view_loop import DecisionSettings, MonitorStats, ViewLoop
from runtime.monitor.views import View
from runtime.sources.base import Frame

TICK_S = 0.25
STALE_S = 5.0
"""A live source that sends no frame for so many seconds is lost, even if it seems to work.

The interval of a source that is asked for each image is added.
"""


@dataclass(frozen=True)
class FollowedSource:
    """A source to follow.

    views: its regions, at least one. settings: for its answers. rule: when to look.
    """

    capture: Capture
    views: tuple[View, ...]
    settings: DecisionSettings
    rule: LookRule = ALWAYS


def monitor(
    sources: Sequence[FollowedSource],
    current_classifier: Callable[[], Classifier],
    dispatcher: SinkDispatcher,
) -> list[MonitorStats]:
    """Classifies frame after frame and reports changes, until all sources end.

    One thread classifies the frames of all sources, whose captures share `changed`, in turn. If
    `current_classifier` returns another classifier, smoothing starts again, as after a loss.

    Raises:
        MachineError: a source cannot be opened.
        InputRefused: a source or the model is of an unexpected kind.
        CheckFailed: the model answered NaN.
    """
    classifier = current_classifier()
    loops = [_SourceLoop(source, classifier, dispatcher) for source in sources]
    running = list(loops)
    while running:
        wait_for_arrival([loop.capture for loop in running], TICK_S)
        classifier = current_classifier()
        for loop in tuple(running):
            loop.use(classifier)
            try:
                loop.step()
            except EndOfStream:
                running.remove(loop)
    return [loop.stats for loop in loops]


class _SourceLoop:
    """Follows one source: takes its frames, and passes them to its regions."""

    def __init__(
        self, source: FollowedSource, classifier: Classifier, dispatcher: SinkDispatcher
    ) -> None:
        self.capture, self.stats = source.capture, MonitorStats()
        self._dispatcher, self._classifier = dispatcher, classifier
        self._regions = [
            ViewLoop(view, source.settings, source.rule, self.stats, dispatcher)
            for view in source.views
        ]
        for region in self._regions:
            region.use(classifier)
        self._due: list[ViewLoop] = []
        self._still: Frame | None = None
        self._on_motion = source.rule.on_motion

    def use(self, classifier: Classifier) -> None:
        if classifier is not self._classifier:
            self._classifier = classifier
            for region in self._regions:
                region.use(classifier)

    def step(self) -> None:
        """Classifies the next frame if there is one to look at, and notices a loss."""
        self._still = None
        frame = self.capture.next(0, self._choose)
        if self._still:
            self._dispatcher.on_still(self._regions[0].view, self._still)
        if frame is None or self._is_stale(frame):
            if _is_lost(self.capture):
                for region in self._regions:
                    region.report_loss()
            return
        try:
            # Sinks show and save the pixels that the model's rules make, also of 16-bit grey.
            frame = frame._replace(image=self._classifier.preprocessing.upright(frame.image))
        except ImageRefused as refusal:
            self._refuse(frame, refusal)
            return
        self.stats.frames += 1
        for region in self._due:
            region.classify(frame)

    def _choose(self, frame: Frame) -> list[ViewLoop]:
        small = frame
        if self._on_motion:  # once for all regions
            of = [region.trigger.region for region in self._regions]
            small = frame._replace(image=small_image(frame.image, of, frame.name))
        self._due = [region for region in self._regions if region.trigger.wants(small)]
        if self._on_motion and not self._due:
            self._still = frame
        return self._due

    def _is_stale(self, frame: Frame) -> bool:
        source = self.capture.source
        return source.live and time.monotonic() - frame.arrived_s > STALE_S + source.interval_s

    def _refuse(self, frame: Frame, refusal: ImageRefused) -> None:
        self.stats.refused += 1
        source = self.capture.source
        name = source.name if source.live else frame.name
        self._dispatcher.errors.report(ImageRefused(name, refusal.reason))


def _is_lost(capture: Capture) -> bool:
    if not capture.source.live:
        return False
    if capture.state == "lost":
        return True
    if capture.last_arrived_s is None:
        return False
    return time.monotonic() - capture.last_arrived_s > STALE_S + capture.source.interval_s
