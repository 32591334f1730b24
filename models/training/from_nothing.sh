#!/usr/bin/env bash
# Trains the nucleus model from nothing: environment, phantoms, training, figures.
#
# Usage: bash models/training/from_nothing.sh DATA [option of train.py ...]
#
# DATA is a folder with nuclei/histology and nuclei/nucls (README.md). What is there already is
# not made again: the environment in .venv, the phantoms in models/training/work/phantoms.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ $# -lt 1 ]; then
    echo "usage: bash models/training/from_nothing.sh DATA [option of train.py ...]" >&2
    exit 2
fi
data=$1
shift
phantoms=models/training/work/phantoms
python=.venv/bin/python

[ -x "$python" ] || python3 -m venv .venv
"$python" -m pip install -q -r models/training/requirements.txt
if [ ! -e "$phantoms/fields.json" ]; then
    # Fields, seed, side in px, um per px.
    cargo run --release -p pantrk-phantom --example training_fields -- "$phantoms" 960 1 320 0.5
fi
"$python" models/training/train.py --data "$data" --phantoms "$phantoms" "$@"
"$python" models/training/evaluate.py --data "$data" --phantoms "$phantoms"
