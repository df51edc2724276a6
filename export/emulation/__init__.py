"""Emulates a device: Debian for its processor, with its packages, run by QEMU's user emulation.

systems.py          which Debian, one row each
processors.py       which processor, one row each
devices.py          the names that --device-check takes
rootfs.py           builds the root folder of a system, once
emulated_python.py  runs a Python script in it
classify.py         scores images there
on_device.py        the script that does so, with the runtime only
"""
