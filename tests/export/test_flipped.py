"""A picture that several artifacts flip is shown once, with all their answers."""

from export.flipped import Answer, flipped_pictures


def flip(picture: str, label: str, reference_score: float = 0.6):
    return {
        "picture": picture,
        "truth": "a",
        "reference": "a",
        "reference_score": reference_score,
        "candidate": label,
        "candidate_score": 0.5,
    }


def test_answers_of_all_artifacts_come_together_most_first() -> None:
    records = {
        "model.int8.tflite": {"parity": {"flips": [flip("sure", "b", 0.9), flip("both", "b", 0.3), flip("unsure", "b", 0.4)]}},
        "model.int8.onnx": {"parity": {"flips": [flip("both", "c", 0.3)]}},
        "model.fp32.onnx": {"parity": {"flips": []}},
    }
    found = flipped_pictures(records)
    assert [one.picture for one in found] == ["both", "sure", "unsure"]
    assert found[0].answers == (Answer("model.int8.tflite", "b", 0.5), Answer("model.int8.onnx", "c", 0.5))
