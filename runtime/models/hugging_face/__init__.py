"""Reads the files that Hugging Face's tools put beside a model."""
