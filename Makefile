# `make` sets up and runs the main job; `make test` sets up and runs the tests.
PY   ?= python3
BIN  := .venv/bin
ARGS ?= theorem=ipgd
# CuPy only where an NVIDIA driver answers, built for the CUDA version that the driver speaks.
CUDA := $(shell nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9]*\).*/\1/p' | head -n 1)
COMMA := ,
GPU  := $(if $(CUDA),$(if $(filter 1 2 3 4 5 6 7 8 9 10 11 12,$(CUDA)),gpu12,gpu))
EXTRAS := test,site,lint,onnx,distributed$(if $(GPU),$(COMMA)$(GPU))
export UV_PYTHON_DOWNLOADS := never

.PHONY: run test test-all test-gpu lint bench reports clean
run: .venv/.ok
	$(BIN)/python -m verify $(ARGS)
test: .venv/.ok
	$(BIN)/python -m pytest -n 2
test-all: .venv/.ok
	$(BIN)/python -m pytest -n 2 -m 'not gpu'
test-gpu: .venv/.ok
	$(BIN)/python -m pytest -m gpu
lint: .venv/.ok
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
bench: .venv/.ok
	$(BIN)/python -m benchmarks
reports: .venv/.ok
	$(BIN)/python -m verify theorem=all mutate=yes
clean:
	rm -rf .venv

# uv makes the locked environment; where it cannot be had (no wheel, no access), pip installs from pyproject.toml.
.venv/.ok: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PY) -m venv --without-pip .venv
	test -x $(BIN)/uv || $(PY) -m pip --python $(BIN)/python install -q 'uv>=0.8' || true
	$(BIN)/uv sync -q --frozen --inexact --compile-bytecode $(foreach e,$(subst $(COMMA), ,$(EXTRAS)),--extra $(e)) || \
	$(PY) -m pip --python $(BIN)/python install -q -e '.[$(EXTRAS)]'
	touch $@
