"""Runs model files. A new interpreter is one file here and one row in base.py."""
