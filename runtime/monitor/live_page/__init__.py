"""Serves the page that shows what the camera sees."""
