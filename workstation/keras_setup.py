"""Prepares TensorFlow and Keras before their first import."""

import gc
import logging
import os


def prepare_tensorflow() -> None:
    """Chooses TensorFlow for Keras and silences log lines below errors, of C++ and of Python.

    Call it before Keras is first imported.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # By itself TensorFlow uses oneDNN only on processors with AVX-512 VNNI. On another one it cut
    # the processor time of a forward pass from 1.85 to 1.30 s.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    for name in ("absl", "tensorflow", "tf2onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # An import leaves no garbage. To look for some after every 700 objects of TensorFlow's took 0.5
    # of the 4.3 s of an export; without, it takes 5 MB more of 680.
    gc.set_threshold(10_000)
