"""Reads and checks a bundle, the folder that travels to the device, with its golden images."""
