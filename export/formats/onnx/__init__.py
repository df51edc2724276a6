"""Converts to ONNX."""
