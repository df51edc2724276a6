"""Installs, verifies and reloads bundles on the device."""
