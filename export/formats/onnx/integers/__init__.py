"""Chooses the integers of a quantized ONNX graph, and measures what they cost."""
