"""Evaluates a trained model on labelled images."""
