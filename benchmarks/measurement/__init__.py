"""Measures one model in a fresh process, and reads the conditions before and after."""
