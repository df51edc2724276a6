"""Measures models on the device they are for, with the conditions beside every figure."""
