"""Turns a file or frame into the same pixels everywhere: decoding, then resizing."""
