"""The device without the device: a Debian of its processor and its packages, run by QEMU's user emulation on the workstation.

systems.py     which Debian, one row each
processors.py  which processor, one row each
root.py        builds a system's root folder, once
python.py      runs a Python script in it
check.py       the parity gate and the golden scores there
on_device.py   the script that does it, with the runtime only
"""
