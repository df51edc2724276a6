"""Prepares TensorFlow and Keras before their first import."""

import logging
import os


def prepare_tensorflow(backend: str = "tensorflow") -> None:
    """Chooses Keras' backend and silences log lines below errors, of C++ and of Python.

    Call it before Keras is first imported.
    """
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("absl", "tensorflow", "tf2onnx", "jax"):
        logging.getLogger(name).setLevel(logging.ERROR)
