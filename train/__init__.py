"""Fine-tunes a Keras classifier on a folder of images and writes a run folder."""
