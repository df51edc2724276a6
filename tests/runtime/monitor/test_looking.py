"""Tests when to look at a frame: time, motion in the region, noise, light, motion without end."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from runtime.errors import ImageRefused
from runtime.images.decoding import open_image
from runtime.images.region import Region
from runtime.monitor.looking import ENDLESS_S, LookRule, LookTrigger
from runtime.sources.base import Frame

MOTION = LookRule(on_motion=True)
SCENE = Image.effect_mandelbrot((640, 480), (-2, -1.5, 1, 1.5), 60).convert("RGB")


def with_object(x: int, y: int, side: int = 60) -> Image.Image:
    image = SCENE.copy()
    image.paste("white", (x, y, x + side, y + side))
    return image


def noisy(image: Image.Image, seed: int, sigma: float = 8) -> Image.Image:
    noise = np.random.default_rng(seed).normal(0, sigma, (*image.size[::-1], 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def looked(trigger: LookTrigger, *images: Image.Image, step_s: float = 0.1) -> str:
    """Returns "x" for each image that is worth a look, and "." for others."""
    wants = [trigger.wants(Frame("f", image, n * step_s)) for n, image in enumerate(images)]
    return "".join("x" if want else "." for want in wants)


def test_without_a_rule_every_frame_counts() -> None:
    assert looked(LookTrigger(LookRule(), None, 1), *[SCENE] * 3) == "xxx"


def test_every_s_counts_by_the_time_of_the_frames_and_of_a_clip_by_its_own() -> None:
    assert looked(LookTrigger(LookRule(every_s=0.3), None, 3), *[SCENE] * 8) == "x..x..x."
    trigger = LookTrigger(LookRule(every_s=2), None, 3)
    clip = [Frame("f", SCENE, 1000 * n, clip_s=n / 2) for n in range(9)]
    assert [trigger.wants(frame) for frame in clip] == [n % 4 == 0 for n in range(9)]


def test_what_comes_stays_or_goes_is_looked_at_until_the_answer_is_stable() -> None:
    images = [SCENE] * 5 + [with_object(200, 200)] * 5 + [SCENE] * 5
    assert looked(LookTrigger(MOTION, None, 3), *images) == "xxx..xxx..xxx.."


def test_only_the_region_counts() -> None:
    region: Region = (0, 0, 0.25, 0.5)
    images = [SCENE, with_object(400, 300), with_object(20, 20), with_object(20, 20)]
    assert looked(LookTrigger(MOTION, region, 1), *images) == "x.x."


def test_both_rules_look_on_motion_and_after_the_interval() -> None:
    trigger = LookTrigger(LookRule(every_s=0.5, on_motion=True), None, 1)
    images = [SCENE] * 2 + [with_object(200, 200)] * 8
    assert looked(trigger, *images) == "x.x....x.."


@pytest.mark.parametrize("region", [None, (0.4, 0.4, 0.2, 0.2), (0.5, 0.5, 0.05, 0.05)])
def test_noise_of_a_camera_at_night_is_no_motion(region: Region | None) -> None:
    images = [noisy(SCENE, seed) for seed in range(25)]
    assert looked(LookTrigger(MOTION, region, 1), *images) == "x" + "." * 24


def test_light_that_changes_slowly_is_looked_at_now_and_then() -> None:
    """The first frame that was looked at is compared, not the one before."""
    grey = Image.new("RGB", (64, 48))
    images = [grey.point(lambda _, level=level: 100 + level) for level in range(40)]
    assert looked(LookTrigger(MOTION, None, 1), *images).count("x") == 1 + 39 // 12


def test_motion_without_end_is_looked_at_and_reported_once() -> None:
    reports: list[None] = []
    trigger = LookTrigger(MOTION, None, 1, lambda: reports.append(None))
    flicker = [SCENE, with_object(200, 200)]
    assert set(looked(trigger, *flicker * int(ENDLESS_S), step_s=1.0)) == {"x"}
    assert len(reports) == 1
    assert looked(trigger, *[SCENE] * 3) == "x.."
    looked(trigger, *flicker * int(ENDLESS_S), step_s=1.0)
    assert len(reports) == 2, "it ended in between"


def test_source_that_changes_its_size_is_compared_all_the_same() -> None:
    small = SCENE.resize((160, 120))
    moved = with_object(200, 200).resize(small.size)
    sizes = [SCENE, small, small, moved, moved.resize((3, 2)), moved.resize((1, 1)), SCENE, SCENE]
    assert looked(LookTrigger(MOTION, (0.1, 0.1, 0.5, 0.5), 1), *sizes)[:4] == "xx.x"
    assert looked(LookTrigger(MOTION, (0.1, 0.1, 0.5, 0.5), 1), *sizes)[-2:] == "x."


def encoded(image: Image.Image) -> bytes:
    content = BytesIO()
    image.save(content, "JPEG", quality=80)
    return content.getvalue()


def test_jpeg_is_compared_without_decoding_it() -> None:
    trigger = LookTrigger(MOTION, (0.25, 0.25, 0.5, 0.5), 1)
    images = [open_image(encoded(noisy(SCENE, n, 3)), "f") for n in range(3)]
    images.append(open_image(encoded(with_object(200, 200)), "f"))
    assert looked(trigger, *images) == "x..x"
    assert all(image.tile for image in images), "Pillow empties it when it decodes"
    images[0].load()
    assert images[0].size == (640, 480)


def test_broken_image_is_refused() -> None:
    content = BytesIO()
    SCENE.save(content, "PNG")
    broken = open_image(content.getvalue()[:5000], "f")
    with pytest.raises(ImageRefused, match="f: broken"):
        LookTrigger(MOTION, None, 1).wants(Frame("f", broken, 0.1))
