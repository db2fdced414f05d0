#!/usr/bin/env bash
# The offline query data in .sqlx/, made without sqlx-cli: migrations into an empty database, then one cargo check
# during which the query macros ask that database and save what they learned.
#
#   scripts/sqlx.sh prepare     write .sqlx/
#   scripts/sqlx.sh check       exit 1 when .sqlx/ is not what the code and the migrations ask for

set -euo pipefail
project_directory=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$project_directory"

case ${1:-} in
prepare | check) ;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac
command -v sqlite3 >/dev/null || {
	echo 'sqlx: sqlite3 is missing: apt-get install sqlite3 (scripts/lab.sh up does it)' >&2
	exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/saved"
for migration in migrations/*.sql; do
	sqlite3 -bail "$work/schema.sqlite3" <"$migration" >/dev/null || {
		echo "sqlx: $migration does not apply to the ones before it" >&2
		exit 1
	}
done

# Cargo does not know that the macros read a database: only a newer file makes it expand them again.
touch src/lib.rs src/main.rs
DATABASE_URL=sqlite://$work/schema.sqlite3 SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$work/saved \
	cargo check --quiet --locked --all-targets
# What was just checked knows the temporary database; the next build must read .sqlx/ again.
touch src/lib.rs src/main.rs

case $1 in
prepare)
	mkdir -p .sqlx
	rm -f .sqlx/query-*.json
	find "$work/saved" -name 'query-*.json' -exec mv -t .sqlx {} +
	echo "sqlx: .sqlx holds $(find .sqlx -name 'query-*.json' | wc -l) queries"
	;;
check)
	mkdir -p "$work/committed"
	if [ -d .sqlx ]; then find .sqlx -name 'query-*.json' -exec cp -t "$work/committed" {} +; fi
	if ! diff -rq "$work/committed" "$work/saved"; then
		echo 'sqlx: .sqlx/ is out of date: run make prepare and commit the result' >&2
		exit 1
	fi
	echo "sqlx: .sqlx is up to date, $(find "$work/saved" -name 'query-*.json' | wc -l) queries"
	;;
esac
