"""Holds the claim about quantizers, and the quantizers that ours is compared with."""
