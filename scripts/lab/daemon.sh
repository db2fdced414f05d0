# shellcheck shell=bash
# The Docker daemon: one that answers is used and left alone, otherwise Debian's is started and remembered.

daemon_pid_file=$lab_directory/dockerd.pid

daemon_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

start_daemon() {
	if daemon_answers; then return 0; fi
	if [ -S "$docker_socket" ] && [ ! -w "$docker_socket" ] && [ "$(id -u)" != 0 ]; then
		fail "no permission for $docker_socket; run as root, or join the group that owns it"
	fi
	need_packages docker.io
	# Installing it starts it where there is an init.
	if wait_until 3 daemon_answers; then return 0; fi
	say "starting dockerd"
	# Debian keeps it in sbin, which is not on everybody's PATH.
	as_root env "PATH=$PATH:/usr/sbin:/sbin" setsid nohup dockerd --host "$docker_host" --group "$(id -gn)" --pidfile "$daemon_pid_file" \
		>"$lab_directory/dockerd.log" 2>&1 </dev/null 9>&- &
	disown
	if ! wait_until 60 daemon_answers; then
		tail -n 15 "$lab_directory/dockerd.log" >&2
		fail "dockerd did not answer on $docker_socket within 60 s; its log is $lab_directory/dockerd.log"
	fi
}

stop_daemon() { stop_process "$daemon_pid_file" dockerd; }
