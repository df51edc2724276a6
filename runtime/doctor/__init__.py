"""Explains a machine: what it is, what of it works, and what to do about what does not."""

from runtime.doctor.finding import Finding

__all__ = ["Finding"]
