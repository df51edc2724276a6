"""export.preparation goes through JSON to the process that tries a model."""

import json
from dataclasses import asdict

from export.preparation import Preparation
from runtime.scaling import MODES


def test_survives_json() -> None:
    for preparation in (Preparation(), Preparation(MODES["caffe"], True, (96, 128))):
        assert Preparation.from_plain(json.loads(json.dumps(asdict(preparation)))) == preparation
