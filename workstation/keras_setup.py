"""Prepares TensorFlow and Keras before their first import."""

import logging
import os


def prepare_tensorflow() -> None:
    """Chooses TensorFlow for Keras and silences log lines below errors, of C++ and of Python.

    Call it before Keras is first imported.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("absl", "tensorflow", "tf2onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)
