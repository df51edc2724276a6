"""Trains on one device, several graphics cards or several machines."""
