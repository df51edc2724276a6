"""Shows each frame with its answer on the live page (`runtime.monitor.live_page`)."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from PIL import Image

from runtime.classifier import Classifier
from runtime.errors import QuinceError
from runtime.images.preprocessing import Preprocessing, preprocess
from runtime.monitor.live_page.arguments import announce_url, live_page_from_options
from runtime.monitor.live_page.live_page import LivePage
from runtime.monitor.live_page.page_update import PageUpdate
from runtime.monitor.sinks.base import Sink, SinkContext
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.monitor.sinks.events import AnswerChange, FrameResult, ModelRef
from runtime.monitor.views import View
from runtime.sources.base import Frame

if TYPE_CHECKING:
    from runtime.explanation.explainer import Explainer


@contextmanager
def open_live_page(options: argparse.Namespace, context: SinkContext) -> Iterator[Sink]:
    """Serves the page until the context ends."""
    source_names = tuple(dict.fromkeys(view.source_name for view in context.views))
    with live_page_from_options(options, source_names) as live:
        assert isinstance(live, LivePage)
        announce_url(context.errors.program, live)

        explainer = _FrameExplainer(context.errors)

        def show(result: FrameResult) -> None:
            live.show(
                PageUpdate(
                    image=result.frame.image,
                    predictions=result.predictions,
                    stable=result.stable,
                    latency_ms=result.latency_ms,
                    arrived_s=result.frame.arrived_s,
                    fps=result.fps,
                    title=_title(result.model_ref),
                    explain=partial(
                        explainer.explain,
                        result.classifier,
                        result.preprocessing,
                        result.frame.image,
                    ),
                    view=result.view.name,
                    region=result.preprocessing.region,
                ),
                result.view.source_name,
            )

        def report_loss(change: AnswerChange) -> None:
            if change.state == "lost":
                live.report_state("lost", change.view.source_name)

        def show_still(view: View, frame: Frame) -> None:
            live.show_still(frame.image, frame.arrived_s, view.source_name)

        yield Sink(on_change=report_loss, on_frame=show, on_still=show_still)


class _FrameExplainer:
    """Draws heat maps of frames; one thread calls it."""

    def __init__(self, errors: ErrorReporter) -> None:
        self._errors = errors
        self._classifier: Classifier | None = None
        self._explainer: Explainer | None = None

    def explain(
        self, classifier: Classifier, preprocessing: Preprocessing, image: Image.Image
    ) -> bytes:
        """Returns a PNG of the best answer for a frame; nothing after an error, which is reported.

        The model file is loaded once more at the first call for a classifier.
        """
        # Imported here, because few viewers ask why.
        from runtime.explanation.explainer import Explainer
        from runtime.explanation.picture import draw, png

        try:
            if self._explainer is None or classifier is not self._classifier:
                self._explainer, self._classifier = Explainer(classifier), classifier
            pixels = preprocess(image, preprocessing)
            scores = classifier.probabilities(pixels)
            best = int(scores.argmax())
            explanation = self._explainer.explain(pixels, best)
            return png(
                draw(pixels, explanation, self._explainer.caption(best), float(scores[best]))
            )
        except QuinceError as error:
            self._errors.report(error)
            return b""


def _title(model_ref: ModelRef) -> str:
    """Returns a title such as "fruit, model.int8.tflite, 3f2a91c04b7e"."""
    return f"{model_ref.bundle_name}, {model_ref.artifact}, {model_ref.bundle_id}"
