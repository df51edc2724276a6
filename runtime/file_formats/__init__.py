"""Reads TFLite, ONNX and their metadata without an interpreter."""
