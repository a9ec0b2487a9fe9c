# esp8k: from a dataset to a digit classified on the chip.
# Every verb is a line below; `make` alone lists them.

MODEL   ?= v3#        v1, v2, v3, v3-small: which network
DATASET ?= mnist#     mnist, fashion, kmnist
N       ?= 10#        seeds: how many
SEED    ?= 0#         training seed
EPOCHS  ?= 5#         passes over the training images
PROFILE ?= balanced#  speed, balanced, size: what the generated C is made for
BOARD   ?=#           virtual, twin, riscv, esp32dev, ...: found when empty
PORT    ?=#           serial port, found when empty
ENGINE  ?= int8#      int8, f16
TEACHER ?= yes#       train, seeds: no trains MODEL without its teacher
RESUME  ?=#           train: 1 goes on with an interrupted run
INDEX   ?=#           classify: number of a test image
IMG     ?=#           classify: an image file
JOBS    ?= 2#         test: how many run at once

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

KNOWN := $(shell sed -n 's/^ModelName = Literal\[\(.*\)\]/\1/p' core/words.py | tr -d '",')
ifeq ($(filter $(MODEL),$(KNOWN)),)
$(error there is no model $(MODEL), MODEL is one of: $(KNOWN))
endif

BUILD  := build
# This checkout, whichever one the entry point was installed from.
ESP8K  := OMP_NUM_THREADS=$(or $(OMP_NUM_THREADS),2) PYTHONPATH="$(CURDIR)" .venv/bin/esp8k
OUT    := $(BUILD)/$(strip $(MODEL))
OPTIONS := --model $(MODEL) $(if $(BOARD),--board $(BOARD)) $(if $(PORT),--port $(PORT))
SETUP  := $(BUILD)/.python-ready $(if $(filter twin,$(BOARD)),,$(BUILD)/.debian-ready)

ALONE  := $(if $(filter no,$(TEACHER)),--no-teacher)

# Export takes the shipped checkpoint unless one was, or is being, trained.
ifneq ($(filter train,$(MAKECMDGOALS))$(wildcard $(OUT)/model.pt),)
CHECKPOINT := $(OUT)/model.pt
endif

TRAINER   := $(addprefix training/,models.py layers.py data.py augment.py fit.py schedule.py soap.py \
               recipes.py teacher.py checkpoint.py pretrained/teacher.pt) \
             $(wildcard training/fused/*) $(wildcard core/*.py)
EXPORTER  := $(wildcard core/*.py export/*.py export/*/*.py export/*/*.jinja \
               export/*/*/*.jinja firmware/components/nn/* LICENSE .clang-format)

# ==== The pipeline ============================================================

.PHONY: setup train export build flash classify report bisect draw
setup: $(SETUP) ## install the pinned packages, and the compilers where apt is there

train: $(OUT)/model.pt ## train MODEL for five epochs, write build/MODEL/model.pt

export: $(OUT)/model.json ## quantize, convert, generate the C, check every artefact

build: export ## compile the firmware for BOARD without flashing it
	@$(ESP8K) build --model $(MODEL) $(if $(BOARD),--board $(BOARD))

flash: export ## build the firmware and write it to BOARD
	@$(ESP8K) flash $(OPTIONS)

classify: flash ## send one digit to BOARD: INDEX=7 or IMG=digit.png
	@$(ESP8K) classify $(OPTIONS) --engine $(ENGINE) \
	  $(if $(IMG),--image "$(IMG)",--index $(or $(INDEX),0))

report: flash ## all 10,000 test images through BOARD, host against device
	@$(ESP8K) report $(OPTIONS)

bisect: flash ## where BOARD parts from the host: stage, channel, position
	@$(ESP8K) bisect $(OPTIONS)

draw: flash ## draw a digit in a web page, classified by BOARD
	@$(ESP8K) draw $(OPTIONS) --engine $(ENGINE)

# ==== Figures =================================================================

.PHONY: seeds sweep bench bench-train budget chaos fuzz mlperf-data
seeds: setup ## train MODEL with N seeds: mean, spread, interval
	@$(ESP8K) seeds --model $(MODEL) --n $(N) $(ALONE)

sweep: setup ## search recipes and architectures on the validation split
	@$(ESP8K) sweep --model $(MODEL)

bench: setup ## instructions, bytes and exactness: ours beside every rival
	@$(ESP8K) bench

bench-train: setup ## training images a second, against the stock way
	@$(ESP8K) bench-train --model $(MODEL)

budget: setup ## measure our figures anew and rewrite firmware/budget.json
	@$(ESP8K) budget

chaos: export ## 100,000 requests over a line that loses and damages bytes
	@$(ESP8K) chaos --model $(MODEL)

fuzz: setup ## libFuzzer over the device's three parsers, ten minutes each
	@$(ESP8K) fuzz --seconds 1800

mlperf-data: setup ## the data set folder that MLPerf Tiny's runner wants
	@$(ESP8K) mlperf-data $(if $(PORT),--port $(PORT))

# ==== Checks ==================================================================

.PHONY: test test-fast lint doctor clean help
test: setup lint ## every test
	@OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n $(JOBS)

test-fast: setup lint ## the tests that take seconds
	@OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n $(JOBS) -m "not slow and not fuzz"

lint: setup
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

doctor: setup ## find boards and what is wrong with them, each with its cure
	@$(ESP8K) doctor $(if $(PORT),--port $(PORT))

clean: ## remove everything generated (.venv stays)
	rm -rf $(BUILD) firmware/.pio

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' \
	  $(MAKEFILE_LIST)

# ==== Files ===================================================================

$(BUILD)/.python-ready: pyproject.toml tools/setup.sh
	@tools/setup.sh python && touch $@

$(BUILD)/.debian-ready: tools/setup.sh
	@mkdir -p $(BUILD) && tools/setup.sh debian && touch $@

# The options a product was made with; rewritten only when they change.
$(OUT)/.train-options: FORCE
	@mkdir -p $(OUT); echo "$(SEED) $(EPOCHS) $(DATASET) $(ALONE)" | cmp -s - $@ || \
	  echo "$(SEED) $(EPOCHS) $(DATASET) $(ALONE)" > $@
$(OUT)/.export-options: FORCE
	@mkdir -p $(OUT); echo "$(PROFILE) $(CHECKPOINT)" | cmp -s - $@ || \
	  echo "$(PROFILE) $(CHECKPOINT)" > $@
.PHONY: FORCE

$(OUT)/model.pt: $(TRAINER) $(OUT)/.train-options | $(SETUP)
	@$(ESP8K) train --model $(MODEL) --seed $(SEED) \
	  --epochs $(EPOCHS) --dataset $(DATASET) $(ALONE) $(if $(RESUME),--resume)

$(OUT)/model.json: $(CHECKPOINT) $(EXPORTER) $(OUT)/.export-options | $(SETUP)
	@$(ESP8K) export --model $(MODEL) --profile $(PROFILE)
