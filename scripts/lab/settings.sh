# shellcheck shell=bash
# What every lab script agrees on: where state lies, which client is used, how to say things.
# Sourced, never run. Nothing here starts or changes anything.

set -euo pipefail

project_directory=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
lab_directory=${FASTBUILD_LAB_DIR:-$project_directory/.lab}
lab_scripts=$project_directory/scripts/lab

# Debian's client builds with BuildKit by itself; a newer one without buildx does not.
docker_client=${DOCKER:-/usr/bin/docker}
docker_socket=${FASTBUILD_LAB_DOCKER_SOCKET:-/var/run/docker.sock}
docker_host=unix://$docker_socket

# The base64 of this password holds `+` and `/`, and the name a `$`, on purpose.
# shellcheck disable=SC2016
registry_username='robot$fastbuild'
registry_password='~~~???>>>'
registry_first_port=${FASTBUILD_LAB_REGISTRY_PORT:-5055}

# The user's own ~/.docker is never read or written.
export DOCKER_CONFIG=$lab_directory/docker-config
export DOCKER_HOST=$docker_host
export DOCKER_BUILDKIT=1
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH

say() { printf 'lab: %s\n' "$*" >&2; }
fail() {
	printf 'lab: %s\n' "$*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

docker() { "$docker_client" "$@"; }

# process_alive PID_FILE: is the process that the file names still there?
process_alive() {
	[ -s "$1" ] && [ -d "/proc/$(cat "$1")" ]
}

# stop_process PID_FILE NAME: TERM, wait up to 20 s, KILL; then forget the file.
stop_process() {
	local pid_file=$1 name=$2 pid waited=0
	[ -s "$pid_file" ] || return 0
	pid=$(cat "$pid_file")
	# A pid may have been given to somebody else since a reboot.
	if [ -d "/proc/$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "$name"; then
		as_root kill -TERM "$pid" 2>/dev/null || true
		while [ -d "/proc/$pid" ] && [ "$waited" -lt 100 ]; do
			sleep 0.2
			waited=$((waited + 1))
		done
		[ -d "/proc/$pid" ] && as_root kill -KILL "$pid" 2>/dev/null || true
		say "$name stopped"
	fi
	as_root rm -f "$pid_file"
}

# wait_until SECONDS COMMAND…: true as soon as the command is, false after that many seconds.
wait_until() {
	local tries=$(($1 * 5))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.2
	done
}

port_is_taken() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
