#!/usr/bin/env bash
# scripts/with-lab.sh [--bases "NAME …"] COMMAND…: run a command with the lab up and its variables set.
# Afterwards, also after a failure or an interrupt, whatever this run started is stopped; what ran before stays.

set -euo pipefail
scripts=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

bases=()
if [ "${1:-}" = --bases ]; then
	read -r -a bases <<<"$2"
	shift 2
fi

before=" $("$scripts/lab.sh" running | tr '\n' ' ')"
# shellcheck disable=SC2317,SC2329
stop_what_we_started() {
	local part started=()
	for part in $("$scripts/lab.sh" running); do
		[ "${before#* "$part" }" != "$before" ] || started+=("$part")
	done
	[ "${#started[@]}" -eq 0 ] || "$scripts/lab.sh" down "${started[@]}"
}
trap stop_what_we_started EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$scripts/lab.sh" up "${bases[@]}"
variables=$("$scripts/lab.sh" env)
eval "$variables"
"$@"
