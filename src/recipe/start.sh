#!/bin/sh
# FastBuild's start program: first what the base image itself starts, in the background, then each service unless
# something listens on its port already. It stays when the program ends, and stops all of them on TERM.
serve_ssh=@SSH@
serve_jupyter=@JUPYTER@
base_user=@USER@
base_signal=@SIGNAL@
python=@PYTHON@
jupyter_configuration=@CONFIGURATION@
@SET@
children=
base=
# Fifths of a second since the start that the base image's own program has for taking a port.
waited=0
ssh_patience=8
jupyter_patience=8
case " $* " in *sshd* | *supervisord* | */init\ *) ssh_patience=50 ;; esac
case " $* " in *jupyter* | *notebook*) jupyter_patience=100 ;; esac

say() { printf 'fastbuild: %s\n' "$*" >&2; }

# listens HEX_PORT: whether something in this container listens on the TCP port.
listens() {
	for table in /proc/net/tcp /proc/net/tcp6; do
		[ -r "$table" ] || continue
		while read -r _ address _ state _; do
			case "$address $state" in *":$1 0A") return 0 ;; esac
		done <"$table"
	done
	return 1
}

# pause: a fifth of a second; fails after a whole one where sleep knows no fractions.
pause() {
	sleep 0.2 2>/dev/null && return
	sleep 1
	return 1
}

alive() { kill -0 "$1" 2>/dev/null; }

stop() {
	trap '' TERM INT QUIT HUP
	# Docker kills after ten seconds, and a busy machine takes its time for each of these rounds.
	deadline=$(($(date +%s) + 7))
	[ -z "$base" ] || kill -s "$base_signal" "$base" 2>/dev/null || kill -TERM "$base" 2>/dev/null
	for child in $children; do [ "$child" = "$base" ] || kill -TERM "$child" 2>/dev/null; done
	for child in $children; do
		while alive "$child" && [ "$(date +%s)" -lt "$deadline" ]; do pause; done
	done
	for child in $children; do kill -KILL "$child" 2>/dev/null; done
	exit 0
}

# find_user: uid, gid, name and home of the base image's user, as Docker reads USER.
find_user() {
	account=${base_user%%:*}
	group=
	case $base_user in *:*) group=${base_user#*:} ;; esac
	uid= gid= name= home=/
	while IFS=: read -r entry _ entry_uid entry_gid _ entry_home _; do
		if [ "$entry" = "$account" ] || [ "$entry_uid" = "$account" ]; then
			uid=$entry_uid gid=$entry_gid name=$entry home=$entry_home
			break
		fi
	done </etc/passwd
	if [ -z "$uid" ]; then
		case $account in
		'' | *[!0-9]*) ;;
		*) uid=$account gid=0 ;;
		esac
	fi
	case $group in
	'') ;;
	*[!0-9]*)
		while IFS=: read -r entry _ entry_gid _; do
			[ "$entry" = "$group" ] && gid=$entry_gid
		done </etc/group
		;;
	*) gid=$group ;;
	esac
}

# as_base_user COMMAND…: in this (sub)shell's place, as the user that the base image runs as.
as_base_user() {
	if [ "$(id -u)" != 0 ] || [ -z "$base_user" ]; then exec "$@"; fi
	find_user
	if [ -z "$uid" ]; then
		say "the user '$base_user' is unknown: $1 is not started"
		exit 1
	fi
	if [ "$uid" = 0 ] && [ "$gid" = 0 ]; then exec "$@"; fi
	if [ "${HOME:-/root}" = /root ]; then
		HOME=$home
		export HOME
	fi
	case $(setpriv --help 2>&1) in *reuid*)
		groups=--clear-groups
		[ -n "$name" ] && groups=--init-groups
		exec setpriv --reuid "$uid" --regid "$gid" "$groups" "$@"
		;;
	esac
	if [ -n "$name" ] && command -v runuser >/dev/null 2>&1; then exec runuser -u "$name" -- "$@"; fi
	if [ -n "$name" ]; then exec su -m -s /bin/sh "$name" -c 'exec "$@"' -- sh "$@"; fi
	say "neither setpriv nor runuser nor su can become '$base_user': $1 is not started"
	exit 1
}

# settle HEX_PORT PATIENCE: gives the base image's own program a moment to take the port.
settle() {
	while [ -n "$base" ] && alive "$base" && ! listens "$1" && [ "$waited" -lt "$2" ]; do
		waited=$((waited + 1))
		pause || waited=$((waited + 4))
	done
	listens "$1"
}

start_ssh() {
	if settle 0016 "$ssh_patience"; then
		say 'port 22 is served already'
		return
	fi
	if [ "$(id -u)" != 0 ]; then
		say 'sshd needs root: it is not started'
		return
	fi
	sshd=$(command -v sshd || echo /usr/sbin/sshd)
	mkdir -p /run/sshd
	chmod 0755 /run/sshd
	ssh-keygen -A >/dev/null
	"$sshd" -D -e -f @SSHD_CONFIGURATION@ &
	children="$children $!"
}

start_jupyter() {
	if settle 22B8 "$jupyter_patience"; then
		say 'port 8888 is served already'
		return
	fi
	set -- --config="$jupyter_configuration" --ip=0.0.0.0 --port=8888 --no-browser --allow-root
	if command -v jupyter-lab >/dev/null 2>&1; then
		set -- jupyter-lab "$@"
	else
		set -- "$python" -m jupyterlab "$@"
	fi
	as_base_user /bin/sh -c '
		[ -n "${SHELL:-}" ] || { [ -x /bin/bash ] && SHELL=/bin/bash && export SHELL; }
		[ -w "${HOME:-/}" ] || { HOME=/tmp && export HOME; }
		[ "$(pwd)" != / ] || cd "$HOME"
		exec "$@"' sh "$@" &
	children="$children $!"
}

trap stop TERM INT QUIT HUP
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
for directory in /usr/sbin /usr/bin /sbin /bin; do
	case ":$PATH:" in *":$directory:"*) ;; *) PATH=$PATH:$directory ;; esac
done
export PATH
if [ "$#" -gt 0 ]; then
	# A program in the background would otherwise read from /dev/null.
	exec 3<&0
	as_base_user "$@" <&3 3<&- &
	base=$!
	children=$base
	exec 3<&-
fi
[ "$serve_ssh" = 1 ] && start_ssh
[ "$serve_jupyter" = 1 ] && start_jupyter
# Waiting for a child is what lets the shell reap orphans and run its trap at once.
while :; do
	sleep 3600 &
	wait "$!"
done
