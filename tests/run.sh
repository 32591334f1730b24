#!/usr/bin/env bash
# Every check that a change must pass: format, lints, documentation, tests, licences.
#
# Usage: bash tests/run.sh [step ...]      (steps: packages fmt clippy doc test deny; default: all)
#
# System packages are listed in tests/system-packages.txt. They are installed where that is
# allowed (root on a Debian or Ubuntu machine); elsewhere the line to run is printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# One build profile everywhere: `cargo run --release` and the tests share what they compile.
PROFILE=--release

step_packages() {
    local wanted missing=()
    mapfile -t wanted < <(grep -v -e '^#' -e '^$' tests/system-packages.txt)
    if ! command -v dpkg-query >/dev/null; then
        echo "not a Debian system; these packages, by whatever name, are needed: ${wanted[*]}"
        return
    fi
    for package in "${wanted[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        echo "all installed"
    elif [ "$(id -u)" -eq 0 ]; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
    else
        echo "system packages are missing; run this line, then the tests again:" >&2
        echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
}

step_fmt() { cargo fmt --all --check; }

step_clippy() {
    cargo clippy $PROFILE --workspace --all-targets --locked -- -D warnings
    # The program without its viewer is what clusters run.
    cargo clippy $PROFILE -p pantrk-cli --no-default-features --locked -- -D warnings
    # Slides on servers: checked here and tested by hand (CONTRIBUTING.md), because a build brings 100 crates.
    cargo clippy $PROFILE -p pantrk-slide --features cloud --all-targets --locked -- -D warnings
}

step_doc() { RUSTDOCFLAGS="-D warnings" cargo doc $PROFILE --workspace --no-deps --locked; }

# OpenSlide, the slide reader's second opinion; where it cannot be had its test says so and is skipped.
openslide() {
    local folder="$PWD/target/test-python"
    if ! PYTHONPATH="$folder" python3 -c 'import openslide' 2>/dev/null &&
        ! PIP_ROOT_USER_ACTION=ignore python3 -m pip install -q --disable-pip-version-check --timeout 20 \
            --retries 2 --only-binary :all: --target "$folder" -r crates/pantrk-slide/tests/openslide/requirements.txt; then
        echo "no OpenSlide from PyPI: the slide reader is not held against it"
        return
    fi
    export PYTHONPATH="$folder${PYTHONPATH:+:$PYTHONPATH}"
}

step_test() {
    openslide
    cargo test $PROFILE --workspace --locked
}

step_deny() {
    if ! cargo deny --version >/dev/null 2>&1; then
        cargo install --locked cargo-deny --version 0.20.2
    fi
    cargo deny --all-features check bans licenses sources
}

run() {
    local start=$SECONDS
    echo "== $1"
    "step_$1"
    echo "== $1: ok after $((SECONDS - start)) s"
}

steps=("$@")
if [ ${#steps[@]} -eq 0 ]; then
    steps=(packages fmt clippy doc test deny)
fi
for step in "${steps[@]}"; do
    run "$step"
done
