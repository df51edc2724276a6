"""Knows which operators each target runtime supports."""
