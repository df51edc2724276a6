"""What TensorFlow's example for the Raspberry Pi does with a frame (tensorflow/examples, lite/examples/image_classification/raspberry_pi).

OpenCV reads the frame (blue first), mirrors it, squashes it to the model's size without antialiasing, and gives it to the model as it is:
blue where the model expects red. A float model gets (pixel - 127) / 128. Labels are the first file in the archive behind the model.
Here the frame comes from a picture file, and LiteRT stands for tflite-runtime, its predecessor.
"""

import zipfile
from collections.abc import Callable

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter


def load(model: str, threads: int) -> Callable[[str], str]:
    """From a picture file to its label."""
    with zipfile.ZipFile(model) as archive:
        labels = archive.read(archive.namelist()[0]).decode("ascii").splitlines()
    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    put, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = put["shape"]

    def classify(picture: str) -> str:
        camera = cv2.VideoCapture(picture)
        read, frame = camera.read()
        camera.release()
        if not read:
            raise ValueError("no frame")
        pixels = cv2.resize(cv2.flip(frame, 1), (int(width), int(height)))
        if put["dtype"] != np.uint8:
            pixels = (np.float32(pixels) - 127) / 128
        interpreter.tensor(put["index"])()[0][:] = pixels
        interpreter.invoke()
        scores = np.squeeze(interpreter.get_tensor(got["index"]))
        return labels[max(range(len(scores)), key=lambda place: scores[place])]

    return classify
