"""Measures what Quince claims."""
