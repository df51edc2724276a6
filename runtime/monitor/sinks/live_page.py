"""Shows each frame with its answer on the live page (`runtime.monitor.live_page`)."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.monitor.live_page.arguments import announce_url, live_page_from_options
from runtime.monitor.live_page.live_page import LivePage
from runtime.monitor.live_page.page_update import PageUpdate
from runtime.monitor.sinks.base import Sink, SinkContext
from runtime.monitor.sinks.events import AnswerChange, FrameResult, ModelRef


@contextmanager
def open_live_page(options: argparse.Namespace, context: SinkContext) -> Iterator[Sink]:
    """Serves the page until the context ends."""
    with live_page_from_options(options) as live:
        assert isinstance(live, LivePage)
        announce_url(context.errors.program, live)

        def show(result: FrameResult) -> None:
            live.show(
                PageUpdate(
                    image=result.frame.image,
                    predictions=result.predictions,
                    label=result.label,
                    latency_ms=result.latency_ms,
                    arrived_s=result.frame.arrived_s,
                    fps=result.fps,
                    bundle=_title(result.model_ref),
                )
            )

        def report_loss(change: AnswerChange) -> None:
            if change.state == "lost":
                live.report_state("lost")

        yield Sink(on_change=report_loss, on_frame=show)


def _title(model_ref: ModelRef) -> str:
    """Returns a title such as "fruit, model.int8.tflite, 3f2a91c04b7e"."""
    return f"{model_ref.bundle}, {model_ref.model}, {model_ref.id}"
