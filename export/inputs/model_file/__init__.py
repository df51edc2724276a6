"""Reads finished `.tflite` and `.onnx` files, in a limited child process first."""
