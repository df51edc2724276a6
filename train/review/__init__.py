"""Finds images that a person should look at before a training, and shows them on a page."""
