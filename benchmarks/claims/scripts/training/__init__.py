"""Holds claims about training, and the trainings that `train` is compared with."""
