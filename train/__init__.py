"""Fine-tunes a Keras classifier on a folder of pictures and writes a run folder."""
