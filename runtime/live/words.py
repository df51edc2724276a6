"""What the page and its programs are told of a frame, as JSON."""

import time
from typing import Any

from runtime.live.board import Version

MOST_LABELS = 5
STALE_S, FRAMES_LATE, LONGEST_STALE_S = 2.0, 3.0, 15.0
"""A frame is stale after two seconds, or three times the usual distance between frames where that is longer, but fifteen at most."""


def describe(version: Version) -> dict[str, Any]:
    """The frame's number, its answer and how old it is now; the texts are a user's, and may hold anything."""
    shown = version.shown
    if shown is None:
        return {"number": version.number, "state": version.state, "age_ms": None, "predictions": []}
    return {
        "number": version.number,
        "state": version.state,
        "age_ms": round(max(0.0, time.monotonic() - shown.taken) * 1000),
        "stale_after_ms": round(1000 * stale_after_s(shown.fps)),
        "label": shown.label,
        "predictions": [{"label": one.label, "score": round(one.score, 4)} for one in shown.predictions[:MOST_LABELS]],
        "more": max(0, len(shown.predictions) - MOST_LABELS),
        "fps": round(shown.fps, 2),
        "latency_ms": round(shown.latency_ms, 1),
        "bundle": shown.bundle,
    }


def stale_after_s(fps: float) -> float:
    """How old a frame may be before it is called old."""
    return min(LONGEST_STALE_S, max(STALE_S, FRAMES_LATE / fps)) if fps > 0 else STALE_S
