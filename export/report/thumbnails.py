"""Makes small images for the report: the pixels the model saw, as data: URLs."""

from collections.abc import Iterable

from export.inputs.trained_run import TrainedRun
from runtime.errors import InputRefused
from runtime.images.preprocessing import preprocess
from runtime.shared.html_page import image_data_url
from workstation.run_folder import ImageRecord


def thumbnails(run: TrainedRun, images: Iterable[ImageRecord], side: int) -> dict[str, str]:
    """Returns a JPEG of at most `side` pixels by image path; a gone or changed image has none."""
    urls = {}
    for image in images:
        try:
            pixels = preprocess(run.read(image), run.manifest.preprocessing)
        except InputRefused:
            continue
        urls[image.path] = image_data_url(pixels, side)
    return urls
