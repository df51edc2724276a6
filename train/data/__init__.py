"""Finds, checks, splits and decodes the images of a training."""
