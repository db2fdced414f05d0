#!/usr/bin/env bash
# One HTTP request from stdin, answered 200 on stdout; the body becomes a line of the file named in CALLBACK_FILE.
# Run by socat, once per connection.

set -uo pipefail
read -r request_line || exit 0
length=0
while IFS= read -r header; do
	header=${header%$'\r'}
	[ -n "$header" ] || break
	case ${header,,} in
	content-length:*) length=$((${header#*:})) ;;
	esac
done
body=$(head -c "$length")
printf '%s %s\n' "${request_line%% *}" "$body" >>"$CALLBACK_FILE"
printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'
