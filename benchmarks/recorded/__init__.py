"""Records the runs of `claims` and `peers` in JSON files, and shows them in docs/results.md.

Like `claims` and `peers`, this folder stays in the repository; it is not installed on a device.
"""
