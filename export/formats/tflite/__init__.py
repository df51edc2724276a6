"""Converts to TFLite."""
