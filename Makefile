# esp8k: from a dataset to a digit classified on the chip.
# Every verb is a line below; `make` alone lists them and the variables.
# Assigned with `=`: the environment does not steer, the command line does.

# ==== Variables ===============================================================

MODEL   = v3#        v1, v2, v3, v3-small: which network
BOARD   =#           virtual, twin, esp32dev, ...: found when empty
PORT    =#           serial port or URL: found when empty
SERIAL  =#           MAC or USB serial number, among several boards
ENGINE  = int8#      int8, f16: arithmetic (classify)
INDEX   =#           0..9999: number of a test image (classify)
LIMIT   =#           1..10000: only so many test images (report)
IMG     =#           a picture of digits, or "*.jpg" (classify)
CROP    =#           x,y,width,height: that part of it alone (classify)
VIEWS   =#           5: sum the logits of five shifted views (classify)
LAN     =#           1: a phone on this network may draw (draw)
PROFILE = balanced#  speed, balanced, size: what the C is made for
PREPARE =#           1: frames of a camera become digits on the board (export)
EPOCHS  = 5#         passes over the training images (train)
SEED    = 0#         of a training run (train)
DATASET = mnist#     mnist, fashion, kmnist, folder:PATH (train)
TEACHER = yes#       yes, no: no trains v3 alone (train, seeds)
RESUME  =#           1: go on with an interrupted run (train)
OWN     =#           folder of own pictures, to go on with (train)
N       = 10#        how many seeds (seeds)
MINUTES = 60#        how long (soak)
JOBS    = 3#         tests at once: while one waits, two compute (test)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# ==== What was asked for, looked at before anything is built ==================

literal = $(shell sed -n 's/^$1 = Literal\[\(.*\)\]/\1/p' core/words.py | tr -d '",')
boards = $(shell sed -n 's/^    Kind."\([^"]*\)".*/\1/p' tools/boards/catalogue.py)
digits = $(subst 9,,$(subst 8,,$(subst 7,,$(subst 6,,$(subst 5,,$(subst 4,,$(subst \
  3,,$(subst 2,,$(subst 1,,$(subst 0,,$1))))))))))
# one_of NAME,WORDS: the variable is one of the words. number NAME,LEAST,MOST.
one_of = $(if $(filter-out 1,$(words $($1)))$(filter-out $2,$($1)),\
  $(error $1=$($1) is none of: $2))
number = $(if $(call digits,$($1))$(filter-out 1,$(words $($1)))$(shell \
  test $($1) -ge $2 -a $($1) -le $3 2>/dev/null || echo beyond),\
  $(error $1=$($1) is no number $2 to $3))
# For words of the shell: one argument, whatever is in it.
quoted = '$(subst ','\'',$1)'
# Whether the folder is there whose name, or whose folder:NAME, is in the variable.
is_folder = $(shell test -d $(call quoted,$(subst folder:,,$($1))) && echo yes)
PICTURE = $(call quoted,$(IMG)) $(if $(CROP),--crop $(call quoted,$(CROP)))

BUILD := $(or $(ESP8K_BUILD),build)
# A misspelt variable would steer nothing, a misspelt verb end what others began.
VARIABLES := $(shell sed -n 's/^\([A-Z]*\) *=.*\# .*/\1/p' $(firstword $(MAKEFILE_LIST)))
VERBS     := $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' $(firstword $(MAKEFILE_LIST)))
$(foreach name,$(filter-out $(VARIABLES) ESP8K_% OMP_%,$(.VARIABLES)),\
  $(if $(filter command%,$(origin $(name))),\
    $(error $(name)=$($(name)) steers nothing: the variables are $(VARIABLES))))
$(foreach verb,$(filter-out $(VERBS) $(BUILD)/%,$(MAKECMDGOALS)),\
  $(error there is no verb $(verb): make alone lists them))
$(call one_of,MODEL,$(call literal,ModelName))
$(call one_of,ENGINE,$(call literal,Engine))
$(call one_of,PROFILE,$(call literal,Profile))
$(if $(filter folder:%,$(DATASET)),$(if $(call is_folder,DATASET),,\
  $(error there is no folder DATASET=$(DATASET))),$(call one_of,DATASET,$(call literal,Dataset) folder:PATH))
$(if $(OWN),$(if $(call is_folder,OWN),,$(error there is no folder OWN=$(OWN))))
$(call one_of,TEACHER,yes no)
$(if $(BOARD),$(call one_of,BOARD,$(boards)))
$(if $(RESUME),$(call one_of,RESUME,1))
$(if $(PREPARE),$(call one_of,PREPARE,1))
$(if $(LAN),$(call one_of,LAN,1))
$(if $(VIEWS),$(call one_of,VIEWS,1 5))
$(foreach name,EPOCHS N MINUTES JOBS,$(call number,$(name),1,1000000))
$(call number,SEED,0,4294967295)
$(if $(INDEX),$(call number,INDEX,0,9999))
$(if $(LIMIT),$(call number,LIMIT,1,10000))
$(if $(INDEX),$(if $(IMG),$(error INDEX and IMG are both given: one of them, please)))
$(if $(CROP),$(if $(IMG),,$(error CROP is a part of a picture: give its IMG too)))
ifneq ($(filter no,$(TEACHER)),)
ifneq ($(MODEL),v3)
$(error TEACHER=no: $(MODEL) has no teacher, leave it out)
endif
endif
# On Windows ports have other names; `esp8k` looks at them there.
ifneq ($(PORT)$(OS),$(PORT)Windows_NT)
ifeq ($(findstring ://,$(PORT))$(filter /%,$(PORT)),)
$(if $(PORT),$(error PORT=$(PORT): a path as /dev/ttyUSB0, or an URL as socket://HOST:N))
endif
$(if $(filter /%,$(PORT)),$(if $(wildcard $(PORT)),,$(error there is no PORT=$(PORT))))
endif

# ==== What follows from it ====================================================

# This checkout, whichever one the entry point was installed from.
ESP8K  := OMP_NUM_THREADS=$(or $(OMP_NUM_THREADS),2) PYTHONPATH=$(call quoted,$(CURDIR)) \
          .venv/bin/esp8k
OUT    := $(BUILD)/$(strip $(MODEL))
OPTIONS := --model $(MODEL) $(if $(BOARD),--board $(BOARD)) \
          $(if $(PORT),--port $(call quoted,$(PORT)))
FOUND  := $(OPTIONS) $(if $(SERIAL),--serial $(call quoted,$(SERIAL)))
SETUP  := $(BUILD)/.python-ready $(if $(filter twin,$(BOARD)),,$(BUILD)/.debian-ready)
ALONE  := $(if $(filter no,$(TEACHER)),--no-teacher)
GOALS  := $(or $(MAKECMDGOALS),help)

# The programs of .venv name their Python by its path.
PYTHON := $(shell head -n 2 .venv/bin/esp8k 2>/dev/null | grep -ao '/[^"]*/python[0-9.]*')
GONE   := $(if $(PYTHON),$(shell test -e $(call quoted,$(PYTHON)) || echo yes))
$(if $(GONE),$(if $(filter-out help clean distclean,$(GOALS)),$(error \
  .venv wants $(PYTHON), which is gone (was this folder moved?): rm -r .venv, then the same again)))

# A trained checkpoint is used by every later verb; only `train` trains. Without one
# the shipped checkpoint is exported.
ifneq ($(filter train,$(GOALS))$(wildcard $(OUT)/model.pt),)
CHECKPOINT := $(OUT)/model.pt
endif

# An export that runs (core/lock.py) may make what is asked for: look when it has ended.
EXPORTED_FIRST := export build flash classify report bisect draw web test-board chaos soak
$(if $(filter $(EXPORTED_FIRST),$(GOALS)),$(shell grep -qs '^export ' $(OUT)/.lock && \
  command -v flock > /dev/null && ! flock -n $(OUT)/.lock true && \
  { echo "waiting for the export in $(OUT)" >&2; flock $(OUT)/.lock true; }))

# PROFILE [trained|shipped|given] [--prepare]: these stay as they were at the last export
# that succeeded, until others are asked for.
LAST := $(shell test -f $(OUT)/.export-options && cat $(OUT)/.export-options)
ifeq ($(filter command%,$(origin PROFILE)),)
ifneq ($(filter $(firstword $(LAST)),$(call literal,Profile)),)
PROFILE := $(firstword $(LAST))
endif
endif
ifeq ($(filter command%,$(origin PREPARE)),)
PREPARE := $(if $(filter --prepare,$(LAST)),1)
endif

TRAINER   := $(addprefix training/,models.py layers.py data.py augment.py fit.py schedule.py soap.py \
               recipes.py teacher.py checkpoint.py pretrained/teacher.pt) \
             $(wildcard training/fused/*) $(wildcard core/*.py)
EXPORTER  := $(wildcard core/*.py export/*.py export/*/*.py export/*/*/*.py \
               export/*/*.jinja export/*/*/*.jinja firmware/components/nn/* \
               LICENSE .clang-format)

# ==== From a data set to a board ==============================================

.PHONY: setup train export build flash classify report bisect draw web asked
setup: $(SETUP) ## pinned packages, compilers by apt (minutes; 5 GB on disk)

train: $(OUT)/model.pt ## train MODEL, write its checkpoint (2 minutes)
	@$(if $(TRAINED),:,echo "up to date: $< (EPOCHS=$(EPOCHS) SEED=$(SEED))")

export: $(OUT)/model.json ## int8, float16, C, checked on 10,000 images (1 minute)
	@$(if $(EXPORTED),:,echo "up to date: $(OUT) (PROFILE=$(PROFILE))")

build: $(OUT)/model.json ## the firmware for BOARD, which need not be there (seconds)
	@$(ESP8K) build --model $(MODEL) $(if $(BOARD),--board $(BOARD))

flash: $(OUT)/model.json ## the firmware, written to BOARD (seconds)
	@$(ESP8K) flash $(FOUND) $(if $(filter flash,$(GOALS)),,--brief)

classify: flash ## one digit on BOARD: INDEX=7 or IMG=digit.png (seconds)
	@$(ESP8K) classify $(OPTIONS) --engine $(ENGINE) \
	  $(if $(VIEWS),--views $(VIEWS)) \
	  $(if $(IMG),--image $(PICTURE),--index $(or $(INDEX),0))

report: flash ## 10,000 images on BOARD, host against device (minutes; LIMIT)
	@$(ESP8K) report $(OPTIONS) $(if $(LIMIT),--images $(LIMIT))

bisect: flash ## where BOARD parts from the host: stage, position (seconds)
	@$(ESP8K) bisect $(OPTIONS)

draw: flash ## draw digits in a web page, classified by BOARD; Ctrl-C ends
	@$(ESP8K) draw $(OPTIONS) $(if $(LAN),--lan)

web: $(OUT)/model.json ## that page as a folder for any web server (seconds)
	@$(ESP8K) web --model $(MODEL)

asked: | $(SETUP)
	@$(if $(IMG),$(ESP8K) image $(PICTURE) > /dev/null)

# ==== Figures =================================================================

.PHONY: seeds sweep bench bench-train budget chaos fuzz soak mlperf-data
seeds: setup ## train MODEL with N seeds: mean, spread (2 minutes a seed)
	@$(ESP8K) seeds --model $(MODEL) --seeds $(N) $(ALONE)

sweep: setup ## search recipes, architectures on validation images (hours)
	@$(ESP8K) sweep --model $(MODEL)

bench: setup ## instructions, bytes, exactness by every rival (10 minutes)
	@$(ESP8K) bench

bench-train: setup ## training images a second, against the stock way (minutes)
	@$(ESP8K) bench-train --model $(MODEL)

budget: setup ## our figures anew, in firmware/budget.json (1 minute)
	@$(ESP8K) budget

chaos: export ## 100,000 requests over a line that damages bytes (4 minutes)
	@$(ESP8K) chaos --model $(MODEL)

fuzz: setup ## libFuzzer over the device's parsers (30 minutes)
	@$(ESP8K) fuzz --seconds 1800

soak: export ## boards, bad lines and the page at once, for MINUTES
	@$(ESP8K) flash --model $(MODEL) --board twin
	@$(ESP8K) flash --model $(MODEL) --board virtual
	@$(ESP8K) soak --model $(MODEL) --minutes $(MINUTES)

mlperf-data: setup ## the folder that MLPerf Tiny's runner wants (seconds)
	@$(ESP8K) mlperf-data $(if $(PORT),--port $(call quoted,$(PORT)))

# ==== Checks ==================================================================

.PHONY: test test-fast test-board lint docs doctor clean distclean help
test: setup ## every test, lint beside them (11 to 23 minutes of two cores)
	@($(LINT)) & lint=$$!; OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n $(JOBS); \
	  tests=$$?; wait $$lint && exit $$tests; echo "lint failed: make lint"; exit 1

test-fast: setup lint ## the tests that take seconds each (minutes)
	@OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n $(JOBS) -m "not slow and not fuzz"

test-board: $(OUT)/model.json ## hardware in the loop: BOARD boots, answers (a minute)
	@$(ESP8K) test-board $(FOUND)

LINT = .venv/bin/ruff check . && .venv/bin/ruff format --check . && \
  .venv/bin/mypy && .venv/bin/lint-imports --no-logo

lint: setup ## ruff, mypy and import-linter over the code (a minute)
	@$(LINT)

doctor: setup ## boards, what is wrong with them, and its cure (seconds)
	@$(ESP8K) doctor $(if $(PORT),--port $(call quoted,$(PORT)))

docs: setup ## the documentation, as build/site/index.html (seconds)
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict -q -d $(call quoted,$(abspath $(BUILD)))/site

# What took training stays: checkpoints and the records beside them.
KEPT := -name '*.pt' -o -name metrics.json -o -name '.*-ready' \
        -o -name .train-options -o -path '*/seeds*' -o -path '*/less-data/*' \
        -o -path '*/sweeps/*'

clean: ## remove what is generated; checkpoints and .venv stay
	@test ! -d $(BUILD) || find $(BUILD) -not -type d -not \( $(KEPT) \) -delete
	@test ! -d $(BUILD) || find $(BUILD) -mindepth 1 -type d -empty -delete
	@rm -rf firmware/.pio

distclean: ## remove checkpoints and .venv too; asks first
	@printf "remove $(BUILD), .venv and every checkpoint trained here? [y/N] "
	@read answer && test "$$answer" = y || { echo "nothing was removed"; exit 2; }
	@rm -rf $(BUILD) .venv firmware/.pio

help: ## this list
	@echo "To begin: make train export flash, then make classify INDEX=7"; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' \
	  $(firstword $(MAKEFILE_LIST))
	@echo; echo "Variables, after the verb (make train MODEL=v2 EPOCHS=10):"
	@awk -F ' *= *|# +' '/^[A-Z]+ *=.*# / {printf "  %-8s %-9s %s\n", $$1, $$2, $$3}' \
	  $(firstword $(MAKEFILE_LIST))

# ==== Files ===================================================================

$(BUILD)/.python-ready: pyproject.toml tools/setup.sh $(if $(wildcard .venv/bin/esp8k),,FORCE)
	@mkdir -p $(BUILD) && bash tools/setup.sh python && touch $@

$(BUILD)/.debian-ready: tools/setup.sh
	@mkdir -p $(BUILD) && bash tools/setup.sh debian && touch $@

# The options that a product was made with: its verb writes them when it has succeeded
# (core/asked.py), so that one that failed leaves a product what it is.
TRAINED_WITH := $(if $(OWN),own,$(SEED) $(EPOCHS) $(DATASET)$(if $(ALONE), $(ALONE)))
.PHONY: FORCE

# Without the goal `train` a checkpoint is a file like any other: nothing makes it. What
# has learned somebody's own pictures is not trained over by chance.
ifneq ($(filter train,$(GOALS)),)
ifeq ($(OWN)$(if $(wildcard $(OUT)/model.pt),$(shell test -f $(OUT)/.train-options && cat $(OUT)/.train-options)),own)
$(error $(OUT)/model.pt has learned own pictures: give OWN, or remove it to train anew)
endif
OTHERWISE := $(shell test -f $(OUT)/.train-options && \
               printf '%s\n' $(call quoted,$(TRAINED_WITH)) | \
               cmp -s - $(OUT)/.train-options || echo FORCE)
$(OUT)/model.pt: $(TRAINER) $(OTHERWISE) $(if $(RESUME),$(if $(wildcard $(OUT)/unfinished.pt),FORCE)) $(if $(OWN),FORCE) | $(SETUP)
	@$(eval TRAINED := yes)$(if $(OWN),$(ESP8K) own $(call quoted,$(OWN)) --model $(MODEL) \
	  --dataset $(call quoted,$(DATASET)), \
	  $(ESP8K) train --model $(MODEL) --seed $(SEED) \
	  --epochs $(EPOCHS) --dataset $(call quoted,$(DATASET)) $(ALONE) $(if $(RESUME),--resume))
endif

# Anew also when other options are asked for, or the checkpoint that it was made of is gone.
WANTED := $(PROFILE) $(if $(PREPARE),--prepare)
OTHER  := $(filter-out $(LAST),$(WANTED)) $(filter-out $(WANTED) \
            $(if $(CHECKPOINT),trained,shipped) given,$(LAST))
$(OUT)/model.json: $(CHECKPOINT) $(EXPORTER) $(if $(strip $(OTHER)),FORCE) | $(SETUP) asked
	@$(eval EXPORTED := yes)$(ESP8K) export --model $(MODEL) --profile $(PROFILE) $(if $(PREPARE),--prepare)
