"""Answers the requests of the page for labels: a list, thumbnails, and moves of images."""

import asyncio
import functools
import hashlib
import json
import math
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from tornado.web import HTTPError

from runtime.errors import ImageRefused, InputRefused, QuinceError
from runtime.images.decoding import decode, read_image
from runtime.images.region import any_region, crop_region
from runtime.inbox.folder import NEW, UNUSABLE, Inbox
from runtime.inbox.names import folder_name
from runtime.inbox.note import read_note
from runtime.monitor.label_page.page import CONTENT_SECURITY_POLICY, HTML
from runtime.monitor.live_page.access import is_from_own_page
from runtime.monitor.live_page.checked_handler import CheckedHandler
from runtime.monitor.live_page.frame_broker import encode, lower_priority
from runtime.monitor.live_page.routes import PageHandler
from runtime.system.json_records import parse_json

THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 240, 80
MAX_MOVED = 100
"""Images that one request may move; the page sends several."""
SHOWN_FIELDS = ("predicted", "score", "verdict", "at", "source")
"""The parts of a note that the page shows. Anybody may have written them, also NaN."""
MAX_FIELD_CHARS = 1000
Result = TypeVar("Result")

_worker = ThreadPoolExecutor(1, "label", lower_priority)
"""One thread reads files and decodes for all viewers, so inference keeps the other cores."""


class LabelHandler(CheckedHandler):
    """Works on the inbox in a thread, and answers a refusal with its line."""

    @property
    def inbox(self) -> Inbox:
        """The folder that the server was started with."""
        assert self.context.inbox is not None
        return self.context.inbox

    async def work(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Returns what a function of the inbox returns."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(_worker, function, *arguments)
        except QuinceError as error:
            status = 400 if isinstance(error, InputRefused) else 507
            status = 404 if isinstance(error, ImageRefused) else status
            raise HTTPError(status, reason=_one_line(error)) from error


class LabelPageHandler(PageHandler):
    """Sends the page for labels."""

    @property
    def html(self) -> bytes:
        """The page."""
        return HTML

    def set_default_headers(self) -> None:
        """Sets the policy of this page."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)


class ListHandler(LabelHandler):
    """Sends the classes and the images of a pile, unless the page knows them already."""

    async def get(self) -> None:
        """Sends JSON; `?known=` is the version that the page has."""
        pile = self.get_query_argument("pile", NEW)
        fields = await self.work(_list, self.inbox, pile)
        version = hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:16]
        if self.get_query_argument("known", "") == version:
            fields = {}
        await self.send_json({"version": version, **fields})


class ImageHandler(LabelHandler):
    """Sends an image of a pile: small and only its region, or with `?whole=1` all of it."""

    async def get(self) -> None:
        """Sends a JPEG."""
        pile, name = self.get_query_argument("pile"), self.get_query_argument("name")
        path = await self.work(self.inbox.image_path, pile, name)
        render = _whole if self.get_query_argument("whole", "") else _thumbnail
        await self.send("image/jpeg", await self.work(render, path))


class MoveHandler(LabelHandler):
    """Moves images: to a class, back, or out of sight."""

    def prepare(self) -> None:
        """Refuses (403) what no page of this server sent, and any request if there is no token."""
        super().prepare()
        if self.context.token is None or not is_from_own_page(self.request.headers):
            raise HTTPError(403)

    async def post(self) -> None:
        """Sends the names of the images that were moved; others were moved before by others."""
        try:
            wanted = parse_json(self.request.body)
            names, source, target = wanted["image_names"], wanted["from"], wanted["to"]
        except (InputRefused, KeyError, TypeError) as error:
            raise HTTPError(400) from error
        texts = [source, target, *names] if isinstance(names, list) else [None]
        if len(texts) > MAX_MOVED + 2 or not all(isinstance(text, str) for text in texts):
            raise HTTPError(400)
        moved = await self.work(self.inbox.move, names, source, target)
        await self.send_json({"moved": moved})


LABEL_ROUTES: tuple[tuple[str, type[CheckedHandler]], ...] = (
    ("/label", LabelPageHandler),
    ("/label/list", ListHandler),
    ("/label/image", ImageHandler),
    ("/label/move", MoveHandler),
)


def _list(inbox: Inbox, pile: str) -> dict[str, Any]:
    folder, classes, (images, total) = inbox.path(pile), inbox.classes(), inbox.images(pile)
    rows = [{**image._asdict(), **_shown(folder / image.name)} for image in images]
    labels = [row["predicted"] for row in rows if isinstance(row.get("predicted"), str)]
    answered = dict.fromkeys(sorted({folder_name(label) for label in labels if label}), 0)
    return {
        "classes": {**classes, **answered, **classes},
        "new": inbox.count(NEW),
        "unusable": inbox.count(UNUSABLE),
        "pile": pile,
        "tiles": rows,
        "more": total - len(rows),
    }


def _shown(path: Path) -> dict[str, Any]:
    """Returns the parts of an image's note that the page shows, as texts or numbers."""
    try:
        status = os.stat(path)
    except OSError:
        return {}
    return _read_shown(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(4096)
def _read_shown(path: Path, size: int, changed_ns: int) -> dict[str, Any]:
    try:
        note = read_note(read_image(path))
    except ImageRefused:
        return {}
    shown = {field: note[field] for field in SHOWN_FIELDS if field in note}
    return {
        field: value[:MAX_FIELD_CHARS] if isinstance(value, str) else value
        for field, value in shown.items()
        if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    }


def _thumbnail(path: Path) -> bytes:
    content = read_image(path)
    region = None
    with suppress(InputRefused):  # it has none, or another program wrote it
        region = any_region(read_note(content).get("region"))
    smallest = min(region[2:]) if region else 1
    image = decode(content, round(THUMBNAIL_SIDE / smallest), path.name)
    image = crop_region(image, region)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    jpeg = BytesIO()
    image.save(jpeg, "JPEG", quality=THUMBNAIL_QUALITY)
    return jpeg.getvalue()


def _whole(path: Path) -> bytes:
    return encode(decode(read_image(path), 800, path.name))


def _one_line(error: QuinceError) -> str:
    """Returns the reason of an error as HTTP can send it in its status line."""
    return re.sub(r"[^ -~]", "?", error.reason)[:200]
