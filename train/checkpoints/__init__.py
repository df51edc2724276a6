"""Keeps the history of a training, and the checkpoint that an interrupted one continues from."""
