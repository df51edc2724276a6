"""Keeps images from a camera in an inbox, where a person labels them for the next training."""
