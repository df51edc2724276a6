"""Holds what all command lines share: parser, exit codes, dispatch, console script."""
