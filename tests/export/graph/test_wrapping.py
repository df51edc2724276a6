"""Checks that a Wrapping survives the JSON that carries it to the sandbox process."""

import json
from dataclasses import asdict

from export.graph.wrapping import Wrapping
from runtime.models.normalization import MODES


def test_wrapping_survives_json() -> None:
    for wrapping in (Wrapping(), Wrapping(MODES["caffe"], True, (96, 128))):
        assert Wrapping.from_plain(json.loads(json.dumps(asdict(wrapping)))) == wrapping
