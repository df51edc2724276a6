# make demo, make test: need Python 3.11 or newer and make; everything else goes into .venv
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEVICES := $(foreach cpu,a53 a72 a76,bookworm/cortex-$(cpu) trixie/cortex-$(cpu)) bookworm-32/cortex-a7

.PHONY: demo test device-test device-test-all camera-test check clean

demo: $(VENV)/installed
	$(BIN)/python demo.py

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

device-test: $(VENV)/installed
	$(BIN)/python -m pytest tests/emulation -rs

device-test-all: $(VENV)/installed
	$(BIN)/python -m pytest tests/emulation -rs $(foreach device,$(DEVICES),--device $(device))

camera-test: $(VENV)/installed
	$(BIN)/python -m pytest tests/camera_vm -s

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit("Quince needs Python 3.11 or newer; this is %d.%d. Try: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	@echo "installing TensorFlow and the rest into $(VENV): about 2 GB, some minutes"
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[train,export,live,camera,video,mqtt,samples,dev]'
	touch $@
