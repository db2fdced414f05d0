#!/usr/bin/env bash
# The laboratory on one machine: a Docker daemon, a registry with a password, base images.
#
#   scripts/lab.sh up [BASE…]            provide what is missing; all base images, or the named ones
#   scripts/lab.sh env                   shell exports for tests and for people: eval "$(scripts/lab.sh env)"
#   scripts/lab.sh down [registry|daemon …]   stop what `up` started (FASTBUILD_KEEP_LAB=1 keeps it)
#   scripts/lab.sh running               the names of what `up` started and still runs
#
# What answers already is used and left alone. State lies in .lab/ (FASTBUILD_LAB_DIR); the registry's and the
# daemon's data stay there after `down`, so that the next `up` is quick.

lab_here=$(dirname -- "${BASH_SOURCE[0]}")/lab
# shellcheck source=scripts/lab/settings.sh
. "$lab_here/settings.sh"
# shellcheck source=scripts/lab/packages.sh
. "$lab_here/packages.sh"
# shellcheck source=scripts/lab/daemon.sh
. "$lab_here/daemon.sh"
# shellcheck source=scripts/lab/registry.sh
. "$lab_here/registry.sh"
# shellcheck source=scripts/lab/bases.sh
. "$lab_here/bases.sh"

# shellcheck disable=SC2034
print_environment() {
	local name
	local FASTBUILD_LAB_REGISTRY FASTBUILD_LAB_USERNAME=$registry_username FASTBUILD_LAB_PASSWORD=$registry_password \
		FASTBUILD_LAB_DOCKER_HOST=$docker_host DOCKER=$docker_client FASTBUILD_LAB_DEBIAN_MIRROR \
		FASTBUILD_LAB_DOCKER_CONFIG=$DOCKER_CONFIG
	FASTBUILD_LAB_REGISTRY=$(registry_address)
	FASTBUILD_LAB_DEBIAN_MIRROR=$(debian_mirror)
	for name in FASTBUILD_LAB_REGISTRY FASTBUILD_LAB_USERNAME FASTBUILD_LAB_PASSWORD FASTBUILD_LAB_DOCKER_HOST \
		FASTBUILD_LAB_DOCKER_CONFIG FASTBUILD_LAB_DEBIAN_MIRROR DOCKER; do
		printf 'export %s=%q\n' "$name" "${!name}"
	done
}

running_parts() {
	if process_alive "$registry_pid_file"; then echo registry; fi
	if process_alive "$daemon_pid_file"; then echo daemon; fi
}

action=${1:-}
[ $# -gt 0 ] && shift
case $action in
up)
	mkdir -p "$lab_directory"
	exec 9>"$lab_directory/lock"
	command -v flock >/dev/null && flock 9
	need_packages ca-certificates curl jq openssl openssh-client sqlite3 sshpass
	start_daemon
	start_registry
	provide_bases "$@"
	say "ready: daemon $docker_host, registry $(registry_address)"
	;;
down)
	[ "${FASTBUILD_KEEP_LAB:-}" = 1 ] && exit 0
	[ $# -gt 0 ] || set -- registry daemon
	for part in "$@"; do
		case $part in
		registry) stop_registry ;;
		daemon) stop_daemon ;;
		*) fail "no such part: $part" ;;
		esac
	done
	;;
env) print_environment ;;
running) running_parts ;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac
