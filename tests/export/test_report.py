"""The report is one file, and shows hostile labels as text (FAULTS T10, W8)."""

import json
import re
from dataclasses import replace
from pathlib import Path

from export.report import render


def test_needs_no_other_file(exported: Path) -> None:
    page = (exported / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    for artifact in ("model.int8.tflite", "model.fp32.onnx"):
        assert artifact in page


def test_shows_labels_and_file_names_as_text(exported: Path, opened) -> None:
    records = json.loads((exported / "parity.json").read_text())["artifacts"]
    hostile = "<img src=x onerror=alert(1)>"
    flip = {
        "picture": hostile,
        "truth": hostile,
        "reference": hostile,
        "reference_score": 0.9,
        "candidate": hostile,
        "candidate_score": 0.8,
    }
    records["model.int8.tflite"]["parity"]["flips"] = [flip]
    page = render(replace(opened, manifest=replace(opened.manifest, name=hostile)), records)
    assert hostile not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 5
