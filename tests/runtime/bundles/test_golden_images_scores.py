"""runtime.bundles.golden_images: what a score can be."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.bundles.golden_images import read_golden
from runtime.deployment.verification import verify
from runtime.errors import InputRefused

Edit = Callable[..., None]


def with_score(bundle: Path, edit_json: Edit, score: object) -> Path:
    edit_json(
        bundle / "golden/golden.json",
        lambda data: data["samples"][0]["scores"].update({"small.onnx": [score, 0.5, 0.5]}),
    )
    return bundle


@pytest.mark.parametrize(
    "score",
    [3.4e38, -3.4e38, 1.1e6, -1.1e6, 10**400, True, False],
    ids=lambda score: str(score)[:7],
)
def test_score_that_no_classifier_gives_is_refused(
    make_bundle, edit_json: Edit, score: object
) -> None:
    """The difference of two such scores overflows float32, and numpy would warn on stderr."""
    bundle = with_score(make_bundle("fruit"), edit_json, score)
    with pytest.raises(
        InputRefused, match="expected the scores of 00.png to be numbers from -1e6 to 1e6"
    ):
        read_golden(bundle)


@pytest.mark.parametrize("score", [1e6, -1e6, 1, 0])
def test_largest_score_is_compared_without_a_warning(
    make_bundle, edit_json: Edit, score: float
) -> None:
    bundle = Bundle.open(with_score(make_bundle("fruit"), edit_json, score))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verification = verify(bundle, bundle.manifest.artifacts[0])
    assert verification.stage == "model"
