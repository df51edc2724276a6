"""Follows a camera: captures frames, smooths answers, and reports changes."""
