#!/bin/sh
# Writes what it was started with, then stays until TERM or INT.
{
	printf 'user=%s\n' "$(id -un)"
	printf 'directory=%s\n' "$(pwd)"
	printf 'greeting=%s\n' "$BASE_GREETING"
	for argument in "$@"; do printf 'argument=%s\n' "$argument"; done
} >/tmp/base-started
trap 'echo stopped >>/tmp/base-started; exit 0' TERM INT
while :; do
	sleep 3600 &
	wait $!
done
