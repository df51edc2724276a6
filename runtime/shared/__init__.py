"""Serves several programs: parity, progress, pages and options that other packages use too."""
