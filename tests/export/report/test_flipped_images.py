"""An image that several artifacts flip is shown once, with all their answers."""

from dataclasses import replace

from export.report.flipped_images import FlippedAnswer, flipped_images
from runtime.shared.parity import LabelChange


def flip(image: str, label: str, reference_score: float = 0.6) -> LabelChange:
    return LabelChange(image, "a", "a", reference_score, label, 0.5)


def test_answers_of_all_artifacts_come_together_most_first(records) -> None:
    flips = {
        "model.int8.tflite": (flip("sure", "b", 0.9), flip("both", "b", 0.3), flip("unsure", "b")),
        "model.int8.onnx": (flip("both", "c", 0.3),),
        "model.fp32.onnx": (),
    }
    record = records["model.fp32.onnx"]
    images = flipped_images(
        {file: replace(record.parity, flips=of_file) for file, of_file in flips.items()}
    )
    assert [image.image for image in images] == ["both", "sure", "unsure"]
    assert images[0].answers == (
        FlippedAnswer("model.int8.tflite", "b", 0.5),
        FlippedAnswer("model.int8.onnx", "c", 0.5),
    )
