"""Talks to the machine: files, processes, memory, terminal."""
