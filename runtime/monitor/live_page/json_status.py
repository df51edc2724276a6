"""Describes a frame and its answer as JSON, for the page and for programs."""

import time
from typing import Any

from runtime.answer import Verdict, answer_text
from runtime.monitor.live_page.frame_broker import PageState
from runtime.monitor.live_page.page_update import PageUpdate

MAX_LABELS = 5
MIN_STALE_S, MAX_STALE_S = 2.0, 15.0
STALE_INTERVALS, MIN_STALE_INTERVALS = 3.0, 1.5
"""A frame is stale after three times the usual interval between frames, within these limits.

A camera that is asked once a minute (--every 60) has more time: one and a half intervals.
"""


def status_fields(state: PageState) -> dict[str, Any]:
    """Returns the frame's number, its age now, its answer, and the newest answer of each view.

    The texts come from users and may contain anything.
    """
    update = state.update
    fields: dict[str, Any] = {"number": state.number, "state": state.source}
    if update is None:
        return {**fields, "age_ms": None, "predictions": [], "views": []}
    return {
        **fields,
        "age_ms": round(max(0.0, time.monotonic() - update.arrived_s) * 1000),
        "stale_after_ms": round(1000 * stale_after_s(update.fps)),
        **_answer_fields(update),
        "views": [
            {"view": answer.view, "region": answer.region, **_answer_fields(answer)}
            for answer in state.answers.values()
        ],
    }


def _answer_fields(update: PageUpdate) -> dict[str, Any]:
    top_labels = update.predictions[:MAX_LABELS]
    predicted: str | None = None
    verdict: Verdict = "unknown"
    if update.stable:
        predicted, verdict = update.stable.label, update.stable.verdict
    return {
        "predicted": predicted,
        "verdict": verdict,
        "text": answer_text(verdict, update.predictions) if predicted is None else predicted,
        "predictions": [{"label": top.label, "score": round(top.score, 4)} for top in top_labels],
        "more": len(update.predictions) - len(top_labels),
        "fps": round(update.fps, 2),
        "latency_ms": round(update.latency_ms, 1),
        "title": update.title,
        "explains": update.explain is not None,
    }


def stale_after_s(fps: float) -> float:
    """Returns the age in seconds from which a frame is stale."""
    if fps <= 0:
        return MIN_STALE_S
    longest = max(MAX_STALE_S, MIN_STALE_INTERVALS / fps)
    return min(longest, max(MIN_STALE_S, STALE_INTERVALS / fps))
