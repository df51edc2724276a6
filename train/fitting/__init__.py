"""Fits the network: first its head, then its last blocks too."""
