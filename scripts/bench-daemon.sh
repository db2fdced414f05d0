#!/usr/bin/env bash
# A Docker daemon for the bench alone, whose caches it may empty: beside the others and without touching them.
#
#   scripts/bench-daemon.sh up      bridge and daemon
#   scripts/bench-daemon.sh env     shell exports: FASTBUILD_BENCH_DOCKER_HOST
#   scripts/bench-daemon.sh running its name, if `up` started it and it still runs
#   scripts/bench-daemon.sh down    stop it, take bridge and rules away, and its data with them (FASTBUILD_KEEP_LAB=1 keeps it)

lab_here=$(dirname -- "${BASH_SOURCE[0]}")/lab
# shellcheck source=scripts/lab/settings.sh
. "$lab_here/settings.sh"
# shellcheck source=scripts/lab/packages.sh
. "$lab_here/packages.sh"
# shellcheck source=scripts/lab/bridge.sh
. "$lab_here/bridge.sh"

bench_directory=$lab_directory/bench
bench_pid_file=$bench_directory/dockerd.pid
# Short, because the path of a unix socket may have 107 bytes.
bench_run_directory=${FASTBUILD_BENCH_RUN_DIR:-/run/fastbuild-bench}
bench_host=unix://$bench_run_directory/docker.sock
bridge=fbbench0
bridge_subnet=${FASTBUILD_BENCH_SUBNET:-172.31.249}
PATH=$PATH:/usr/sbin:/sbin

bench_daemon_answers() { docker --host "$bench_host" version --format '{{.Server.Version}}' >/dev/null 2>&1; }

up() {
	mkdir -p "$bench_directory"
	exec 9>"$lab_directory/lock"
	command -v flock >/dev/null && flock 9
	need_packages docker.io iproute2 iptables
	bench_daemon_answers && return 0
	say "starting a dockerd for the bench on $bench_host"
	make_bridge
	as_root mkdir -p "$bench_run_directory"
	# An empty daemon configuration: the machine's own belongs to the first daemon.
	echo '{}' >"$bench_directory/daemon.json"
	as_root env "PATH=$PATH" setsid nohup dockerd --config-file "$bench_directory/daemon.json" --host "$bench_host" --group "$(id -gn)" \
		--data-root "$bench_directory/data" --exec-root "$bench_run_directory/exec" --pidfile "$bench_pid_file" \
		--iptables=false --ip6tables=false --bridge "$bridge" >"$bench_directory/dockerd.log" 2>&1 </dev/null 9>&- &
	disown
	if ! wait_until 60 bench_daemon_answers; then
		tail -n 15 "$bench_directory/dockerd.log" >&2
		fail "the bench's dockerd did not answer within 60 s; its log is $bench_directory/dockerd.log"
	fi
}

case ${1:-} in
up) up ;;
down)
	[ "${FASTBUILD_KEEP_LAB:-}" = 1 ] && exit 0
	[ -e "$bench_pid_file" ] || exit 0
	stop_process "$bench_pid_file" dockerd
	remove_bridge
	as_root rm -rf "$bench_directory/data"
	;;
running) if process_alive "$bench_pid_file"; then echo bench-daemon; fi ;;
env) printf 'export FASTBUILD_BENCH_DOCKER_HOST=%q\n' "$bench_host" ;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac
