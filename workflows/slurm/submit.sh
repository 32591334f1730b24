#!/usr/bin/env bash
# Scores a manifest as a Slurm job array, then collects.
#
# Usage: submit.sh MANIFEST OUT TASKS [option of pantrk batch ...]
#   SBATCH_EXTRA="--partition=long --mem=4G" adds options of sbatch to both jobs.
# Prints the two job numbers.
set -euo pipefail

if [ $# -lt 3 ]; then
    sed -n '4,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
manifest=$(realpath "$1")
mkdir -p "$2/slurm"
out=$(realpath "$2")
tasks=$3
shift 3
read -r -a extra <<<"${SBATCH_EXTRA:-}"

array=$(sbatch --parsable "${extra[@]}" --array="0-$((tasks - 1))" --output="$out/slurm/%A_%a.log" \
    "$here/array.sbatch" "$manifest" --out "$out" "$@")
# afterany: a slide that failed ends its task with 1, and the summary is to say so.
collect=$(sbatch --parsable "${extra[@]}" --dependency="afterany:$array" --output="$out/slurm/%j-collect.log" \
    "$here/collect.sbatch" "$out")
echo "$array $collect"
