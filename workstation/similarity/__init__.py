"""Adds to each model file the similarity of an image to the training images of each class."""
