"""Runs `python plain_keras.py DATA SIDE SECONDS SEED`: fine-tunes EfficientNet-Lite0 with Keras.

It does what Keras' own guide does: folders of images, a flip, one Dense layer on the averages, Adam
on all layers. It ends with the epoch in which SECONDS of processor time are used, and prints the
seconds of each epoch and the accuracy on DATA/Test as JSON.
"""

import json
import sys
import time

import keras
from keras import layers

from train.backbones.efficientnet_lite import efficientnet_lite, load_imagenet_weights

BATCH, RATE = 32, 1e-4


def main() -> None:
    """Prints the result."""
    data, side, budget_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    seed = int(sys.argv[4])
    keras.utils.set_random_seed(seed)
    train, test = (
        keras.utils.image_dataset_from_directory(
            f"{data}/{part}", image_size=(side, side), batch_size=BATCH, seed=seed, verbose=False
        )
        for part in ("Training", "Test")
    )
    inputs = keras.Input((side, side, 3))
    pixels = layers.Rescaling(1 / 128, -127 / 128)(layers.RandomFlip("horizontal")(inputs))
    averages = layers.GlobalAveragePooling2D()(efficientnet_lite(pixels))
    outputs = layers.Dense(len(train.class_names), activation="softmax")(averages)
    model = keras.Model(inputs, outputs)
    load_imagenet_weights(model)
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(RATE), loss, metrics=["accuracy"])
    begin = time.process_time()
    epochs_s: list[float] = []
    while not epochs_s or time.process_time() - begin < budget_s:
        start = time.process_time()
        model.fit(train, verbose=0)
        epochs_s.append(time.process_time() - start)
    accuracy = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]
    print(json.dumps({"epochs_s": epochs_s, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
