"""Holds scripts that run one other program each, in an environment of its own."""
