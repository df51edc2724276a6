"""Checks how --normalize and --input-size are read."""

import pytest

from runtime.errors import InputRefused
from runtime.models.model_spec import parse_input_size
from runtime.models.normalization import MODES, Normalization, parse_normalization


def test_every_form_of_normalize_is_read() -> None:
    assert parse_normalization("none") is None
    assert parse_normalization("127,128") == Normalization((127.0,), (128.0,))
    assert parse_normalization("1,2,3,4,5,6") == Normalization((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert parse_normalization("caffe") == MODES["caffe"]


@pytest.mark.parametrize("text", ["", "imagenet", "1", "1,2,3", "127,0", "nan,1", "1,inf", "1;2"])
def test_what_is_no_normalization_is_refused(text: str) -> None:
    with pytest.raises(InputRefused, match="--normalize"):
        parse_normalization(text)


def test_input_sizes() -> None:
    assert parse_input_size(None) is None
    assert parse_input_size("96") == (96, 96)
    assert parse_input_size("96x128") == (96, 128)
    for text in ("0", "x96", "96x", "9999", "-1", "1x2x3"):
        with pytest.raises(InputRefused, match="--input-size"):
            parse_input_size(text)
