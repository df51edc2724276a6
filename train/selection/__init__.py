"""Compares pretrained networks on a data set, and chooses one for a device."""
