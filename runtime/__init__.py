"""Runs a classifier that Quince exported: numpy, pillow and one interpreter, never TensorFlow."""

from runtime.bundle import Bundle
from runtime.classifier import Classifier, Prediction
from runtime.preprocess import Preprocessing, preprocess

__all__ = ["Bundle", "Classifier", "Prediction", "Preprocessing", "preprocess"]
