#!/usr/bin/env bash
# Make .venv with the pinned packages, and see to the Debian packages.
# Usage: tools/setup.sh python | debian      (`make setup` calls both)
#        tools/setup.sh lock                 after a pin in pyproject.toml changed
set -euo pipefail
cd "$(dirname "$0")/.."

DEBIAN_PACKAGES="gcc g++ gcc-xtensa-lx106 llvm-22 picolibc-xtensa-lx106-elf qemu-system-misc
  gcc-riscv64-unknown-elf clang-19 lld-19 libclang-rt-19-dev valgrind cppcheck chromium
  dataset-fashion-mnist"
TORCH_INDEX=https://download.pytorch.org/whl/cpu
INDEX_TIMEOUT_S=2

say() { echo "setup: $*" >&2; }
die() { echo "error: $1" >&2; echo "hint:  $2" >&2; exit 2; }

# What is silent for minutes has a clock beside it, on a terminal.
with_clock() {
  [ -t 2 ] || { "$@"; return; }
  local clock begun=$SECONDS status=0
  while sleep 1 && kill -0 $$ 2>/dev/null; do
    printf '\rsetup: %d:%02d ' $(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60))
  done >&2 9>&- &
  clock=$!
  trap 'kill $clock 2>/dev/null' EXIT
  "$@" || status=$?
  kill $clock && wait $clock 2>/dev/null || true
  trap - EXIT
  printf '\r\033[K' >&2
  return $status
}

# Two makes at once would write to one .venv and one apt: the second waits.
one_at_a_time() {
  command -v flock >/dev/null || return 0
  local build="${ESP8K_BUILD:-build}"
  mkdir -p "$build" 2>/dev/null && : 2>/dev/null >>"$build/.setup-lock" ||
    die "cannot write to $build" "give yourself the folder, or another: ESP8K_BUILD=FOLDER"
  exec 9>"$build/.setup-lock"
  flock -n 9 || { say "another setup is at work: waiting for it"; flock 9; }
}

# ---- Debian packages: compilers and emulators --------------------------------

missing_packages() {
  for package in $DEBIAN_PACKAGES; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      echo "$package"
  done
}

setup_debian() {
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system: no Xtensa compiler or QEMU here, use BOARD=twin"
    return
  fi
  local missing as_root=""
  missing=$(missing_packages | xargs)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || die "these Debian packages are missing: $missing" \
      "run: sudo apt-get install -y $missing   (or use BOARD=twin, which needs none)"
    as_root="sudo"
  fi
  say "installing $missing"
  with_clock $as_root env DEBIAN_FRONTEND=noninteractive sh -c \
    "apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing" \
    >/dev/null || die "apt-get could not install: $missing" "see apt-get's lines above"
}

# ---- Python packages ---------------------------------------------------------

# Every pin has files for these; the tests are run on the first.
PYTHONS="3.11 3.12 3.13"

version_of() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

find_python() {
  local candidate found=""
  for candidate in $(printf 'python%s ' $PYTHONS) python3; do
    found=$(version_of "$candidate")
    case " $PYTHONS " in *" ${found:-none} "*) command -v "$candidate"; return ;; esac
  done
  die "there is no Python $(echo $PYTHONS | sed 's/ \([^ ]*\)$/ or \1/; s/ 3/, 3/') here\
${found:+, only $found}" "install one that your system has: apt-get install$(printf \
    ' python%s-venv' $PYTHONS | sed 's/venv /venv, or /g')"
}

# A .venv of another Python, or one whose Python is gone, is said and never used.
require_venv() {
  local found python
  if [ -e .venv/bin/python ] || [ -L .venv/bin/python ]; then
    found=$(version_of .venv/bin/python)
    case " $PYTHONS " in *" ${found:-none} "*)
      # One whose making was cut off, or wanted Debian's python3-venv, has no pip yet.
      [ -x .venv/bin/pip ] || .venv/bin/python -m ensurepip --default-pip >/dev/null ||
        no_venv "$found"
      return ;;
    esac
    die ".venv is of Python ${found:-that is gone}" "rm -r .venv, then: make setup"
  fi
  python=$(find_python)
  "$python" -m venv .venv || no_venv "$(version_of "$python")"
}

no_venv() { die "could not make .venv" "install venv: apt-get install python$1-venv"; }

# PyTorch's own index holds CPU builds; PyPI's build brings gigabytes of CUDA.
# An index that is out of reach costs INDEX_TIMEOUT_S, then the plain pin decides.
torch_requirement() {
  if .venv/bin/python - "$TORCH_INDEX/torch/" "$INDEX_TIMEOUT_S" <<'PY' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read(1)
PY
  then echo "--extra-index-url $TORCH_INDEX torch==$1+cpu torchvision==$2+cpu"
  else echo "torch==$1 torchvision==$2"
  fi
}

refuse_cuda() {
  [ -z "${ESP8K_ALLOW_CUDA:-}" ] || return 0
  if .venv/bin/pip install -qq --dry-run --report - "$@" 2>/dev/null |
    grep -q '"name": "nvidia-'; then
    die "only the CUDA build of PyTorch is in reach (gigabytes)" \
      "connect to $TORCH_INDEX, or accept it with ESP8K_ALLOW_CUDA=1 make setup"
  fi
}

pinned() { sed -n "s/^ *\"$1==\([^\";]*\).*/\1/p" pyproject.toml | head -1; }

setup_python() {
  require_venv
  local torch
  if ! .venv/bin/python -c "import torch, sys
sys.exit(torch.__version__.split('+')[0] != '$(pinned torch)')" 2>/dev/null; then
    read -ra torch <<<"$(torch_requirement "$(pinned torch)" "$(pinned torchvision)")"
    refuse_cuda "${torch[@]}"
    say "installing PyTorch (CPU build)"
    with_clock .venv/bin/pip install -qq "${torch[@]}" || pip_failed
  fi
  say "installing the pinned packages (minutes)"
  with_clock .venv/bin/pip install -qq --require-hashes --no-deps -r requirements.lock ||
    pip_failed
  # The entry point .venv/bin/esp8k, which runs this checkout.
  .venv/bin/pip install -qq --no-deps --no-build-isolation -e . || pip_failed
}

# Every package that the pins pull in, each with the hashes of its files. PyTorch is
# installed apart, from its own index, and its CUDA packages are not wanted.
lock() {
  local apart package
  apart=()
  for package in pip torch torchvision triton; do
    apart+=(--no-emit-package "$package")
  done
  for package in $(resolve | sed -nE 's/^((nvidia|cuda)-[a-z0-9-]+)==.*/\1/p'); do
    apart+=(--no-emit-package "$package")
  done
  resolve "${apart[@]}" --generate-hashes >requirements.lock
}

resolve() {
  .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
    --extra dev --extra bench --no-annotate \
    --custom-compile-command "tools/setup.sh lock" "$@"
}

pip_failed() { die "pip could not install the pinned packages" "see pip's lines above"; }

case "${1:-}" in
  python) one_at_a_time; setup_python ;;
  debian) one_at_a_time; setup_debian ;;
  lock) lock ;;
  *) die "setup.sh takes python, debian or lock" "run: make setup" ;;
esac
