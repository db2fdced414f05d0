#!/usr/bin/env bash
# The offline query data in .sqlx/, made without sqlx-cli: migrations into an empty database, then one cargo check
# during which the query macros ask that database and save what they learned.
#
#   scripts/sqlx.sh prepare     write .sqlx/
#   scripts/sqlx.sh check       exit 1 when .sqlx/ is not what the code and the migrations ask for

here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=scripts/lab/settings.sh
. "$here/lab/settings.sh"
# shellcheck source=scripts/lab/packages.sh
. "$here/lab/packages.sh"
cd "$project_directory"

case ${1:-} in
prepare | check) ;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac
need_packages sqlite3

work=$(mktemp -d)
verdict=unknown
# shellcheck disable=SC2317,SC2329
finish() {
	# Cargo does not watch .sqlx/. When it is what the code asks for, what other builds made from it stays good and the
	# sources get their times back; in every other case they must be compiled again.
	local source
	for source in lib main; do
		if [ "$verdict" = 'up to date' ]; then touch -r "$work/$source.time" "src/$source.rs"; else touch "src/$source.rs"; fi
	done
	rm -rf "$work"
}
touch -r src/lib.rs "$work/lib.time"
touch -r src/main.rs "$work/main.time"
trap finish EXIT
mkdir "$work/saved"
for migration in migrations/*.sql; do
	[ -e "$migration" ] || continue
	sqlite3 -bail "$work/schema.sqlite3" <"$migration" >/dev/null || {
		echo "sqlx: $migration does not apply to the ones before it" >&2
		exit 1
	}
done

# Cargo does not know that the macros read a database: only a newer file makes it expand them again.
touch src/lib.rs src/main.rs
DATABASE_URL=sqlite://$work/schema.sqlite3 SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$work/saved \
	cargo check --quiet --locked --all-targets

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
	if ! diff -rq "$work/committed" "$work/saved" >"$work/differences"; then
		sed -e "s,$work/committed,.sqlx,g" -e "s,$work/saved,the code,g" "$work/differences" | head -n 6 >&2
		echo "sqlx: .sqlx/ is out of date ($(wc -l <"$work/differences") differences): run make prepare and commit the result" >&2
		exit 1
	fi
	verdict='up to date'
	echo "sqlx: .sqlx is up to date, $(find "$work/saved" -name 'query-*.json' | wc -l) queries"
	;;
esac
