# make demo, make test: need Python 3.11 or newer and make; everything else goes into .venv
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := train,export,samples
EXTRAS := $(DEMO),live,camera,video,mqtt,hub,dev
DEVICES := $(foreach cpu,a53 a72 a76,bookworm/cortex-$(cpu) trixie/cortex-$(cpu)) \
	bookworm-32/cortex-a7
PI := build/pi
# What the wheel for a device is built from. The packages that need a workstation stay out.
ON_THE_PI := pyproject.toml README.md LICENSE quince.py runtime benchmarks
# `bench report` and what only it and the workstation's reports need
NOT_ON_THE_PI := benchmarks/commands/report.py $(addprefix benchmarks/reporting/, \
	charts.py html_report.py markdown.py pareto.py) $(addprefix runtime/shared/html_page., css py) \
	$(addprefix benchmarks/,claims peers recorded)

.PHONY: demo test device-test device-test-all camera-test container-test lowest-newest check dist reference docs clean

demo: $(VENV)/demo
	$(BIN)/python demo.py

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

device-test: $(VENV)/installed
	$(BIN)/python -m pytest tests/system/emulation -rs

device-test-all: $(VENV)/installed
	$(BIN)/python -m pytest tests/system/emulation -rs \
		$(foreach device,$(DEVICES),--device $(device))

# apt-get install buildah mmdebstrap; root
container-test: $(VENV)/installed
	$(BIN)/python -m pytest tests/system/containers -s

camera-test: $(VENV)/installed
	$(BIN)/python -m pytest tests/system/camera_vm -s

# The lowest and the newest version of every range in pyproject.toml; about 20 minutes
lowest-newest: $(VENV)/installed
	$(BIN)/python -m pytest tests/system/lowest_newest

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The sdist and the wheel for the workstation, and a wheel for the Pi: same version, build tag 1pi.
dist: $(VENV)/build
	rm -rf build dist
	$(BIN)/python -m build --quiet --no-isolation --outdir dist .
	$(MAKE) --no-print-directory $(PI)
	$(BIN)/python -m build --quiet --no-isolation --wheel --outdir dist $(PI)
	@ls -l dist

$(PI):
	mkdir -p $(PI)
	cp -r $(ON_THE_PI) $(PI)
	cd $(PI) && rm -r $(NOT_ON_THE_PI)
	find $(PI) -name __pycache__ -prune -exec rm -r {} +
	$(BIN)/python tools/strip_docstrings.py $(PI)
	printf '[bdist_wheel]\nbuild_number = 1pi\n' > $(PI)/setup.cfg

# docs/reference, written from --help and docstrings
reference: $(VENV)/installed
	$(BIN)/python docs/write_reference.py

# build/site: docs/ as a site with search; a link that leads nowhere is an error
docs: $(VENV)/installed
	$(BIN)/zensical build --clean --strict

clean:
	rm -rf $(VENV) build dist *.egg-info

# Enough for `make dist`, also in an environment that a user made as the README says
$(VENV)/build:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'build>=1.3,<2' 'setuptools>=77'
	touch $@

define install
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit("Quince needs \
	Python 3.11 or newer; this is %d.%d. Try: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	@echo "installing TensorFlow and the rest into $(VENV): $(2) GB, some minutes"
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$(1)]'
	touch $(VENV)/demo $@
endef

$(VENV)/demo: pyproject.toml
	$(call install,$(DEMO),2)

$(VENV)/installed: pyproject.toml
	$(call install,$(EXTRAS),3)
