"""The live page (`runtime.live`) as a sink: each frame with its answer."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.live import Live, Shown
from runtime.live.options import announce, live_page
from runtime.sinks import About, Change, Origin, Seen, Sink


@contextmanager
def open_live_page(options: argparse.Namespace, about: About) -> Iterator[Sink]:
    """Serves the page as long as it is open."""
    with live_page(options) as live:
        assert isinstance(live, Live)
        announce(about.complain.program, live)

        def show(seen: Seen) -> None:
            frame = seen.frame
            live.show(Shown(frame.image, seen.predictions, seen.label, seen.latency_ms, frame.taken, seen.fps, title(seen.origin)))

        def change(change: Change) -> None:
            if change.state == "lost":
                live.report("lost")

        yield Sink(change=change, seen=show)


def title(origin: Origin) -> str:
    """ "fruit, model.int8.tflite, 3f2a91c04b7e"."""
    return f"{origin.bundle}, {origin.model}, {origin.id}"
