#!/usr/bin/env bash
# scripts/with-lab.sh [--bases "NAME …"] [--tls] [--bench] COMMAND…: run a command with the lab up and its variables
# set; with --tls the second daemon behind mutual TLS too, with --bench the one whose caches may be emptied.
# Afterwards, also after a failure or an interrupt, whatever this run started is stopped; what ran before stays.

set -euo pipefail
scripts=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

bases=()
tls=no
bench=no
while :; do
	case ${1:-} in
	--bases)
		read -r -a bases <<<"$2"
		shift 2
		;;
	--tls)
		tls=yes
		shift
		;;
	--bench)
		bench=yes
		shift
		;;
	*) break ;;
	esac
done

running() {
	"$scripts/lab.sh" running
	"$scripts/tls-daemon.sh" running
	"$scripts/bench-daemon.sh" running
}
before=" $(running | tr '\n' ' ')"
# shellcheck disable=SC2317,SC2329
stop_what_we_started() {
	local part started=()
	for part in $(running); do
		case $before in
		*" $part "*) ;;
		*) case $part in *-daemon) "$scripts/$part.sh" down ;; *) started+=("$part") ;; esac ;;
		esac
	done
	[ "${#started[@]}" -eq 0 ] || "$scripts/lab.sh" down "${started[@]}"
}
trap stop_what_we_started EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$scripts/lab.sh" up "${bases[@]}"
variables=$("$scripts/lab.sh" env)
eval "$variables"
if [ "$tls" = yes ]; then
	"$scripts/tls-daemon.sh" up
	variables=$("$scripts/tls-daemon.sh" env)
	eval "$variables"
fi
if [ "$bench" = yes ]; then
	"$scripts/bench-daemon.sh" up
	variables=$("$scripts/bench-daemon.sh" env)
	eval "$variables"
fi
"$@"
