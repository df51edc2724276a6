"""Describes what a model file expects and gives: labels, preprocessing, input, output."""
