"""Serves the page on which people label the images of an inbox."""
