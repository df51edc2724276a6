"""Writes real sample data sets as folders of classes."""
