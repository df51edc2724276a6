"""Does what TensorFlow's example for the Raspberry Pi does with a frame.

The example is in tensorflow/examples, lite/examples/image_classification/raspberry_pi. OpenCV reads
the frame (blue first), mirrors it and squashes it to the model's size without antialiasing. The
model gets it as it is, so blue comes where it expects red. A float model gets (pixel - 127) / 128.
Labels are the first file in the archive behind the model. Here the frame comes from an image file,
and LiteRT replaces tflite-runtime, its predecessor.
"""

import zipfile
from collections.abc import Callable

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label."""
    with zipfile.ZipFile(model) as archive:
        labels = archive.read(archive.namelist()[0]).decode("ascii").splitlines()
    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = inputs["shape"]

    def classify(image: str) -> str:
        camera = cv2.VideoCapture(image)
        read, frame = camera.read()
        camera.release()
        if not read:
            raise ValueError("no frame")
        pixels = cv2.resize(cv2.flip(frame, 1), (int(width), int(height)))
        if inputs["dtype"] != np.uint8:
            pixels = (np.float32(pixels) - 127) / 128
        interpreter.tensor(inputs["index"])()[0][:] = pixels
        interpreter.invoke()
        scores = np.squeeze(interpreter.get_tensor(outputs["index"]))
        return labels[max(range(len(scores)), key=lambda index: scores[index])]

    return classify
