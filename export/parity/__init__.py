"""Compares each converted file with the Keras model before it is published."""
