"""Reports what the camera sees. A new sink is one file here and one row in base.py."""
