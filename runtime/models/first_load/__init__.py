"""Tries a model file without a checksum in a child process before it is loaded."""
