#!/usr/bin/env bash
# scripts/step.sh NAME COMMAND…: run a step, say how long it took; the times also go to the file FASTBUILD_STEP_TIMES.
set -uo pipefail
name=$1
shift
printf '== %s\n' "$name"
started=$SECONDS
"$@"
status=$?
verdict=ok
[ "$status" -eq 0 ] || verdict="failed ($status)"
printf '== %s: %s, %d s\n' "$name" "$verdict" $((SECONDS - started))
[ -z "${FASTBUILD_STEP_TIMES:-}" ] || printf '%-10s %5d s  %s\n' "$name" $((SECONDS - started)) "$verdict" >>"$FASTBUILD_STEP_TIMES"
exit "$status"
