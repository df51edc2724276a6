"""Loads what is exported: a run folder, a Keras file or a SavedModel."""
