#!/usr/bin/env bash
# Licences, bans and sources of every dependency by cargo-deny and deny.toml; advisories where a database is at hand.
# Never a silent pass: what was not checked is said.
#
# cargo-deny is used when it is installed, in PATH or in .lab/tools. Where it is not, FASTBUILD_INSTALL_DENY=1
# compiles it there once (three and a half minutes on one core; .ci/run asks for it); otherwise licences and sources
# are read from `cargo metadata` and held against the same lists.

here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=scripts/lab/settings.sh
. "$here/lab/settings.sh"
# shellcheck source=scripts/lab/packages.sh
. "$here/lab/packages.sh"
cd "$project_directory"
tools=$lab_directory/tools
PATH=$tools/bin:$PATH

if ! command -v cargo-deny >/dev/null && [ "${FASTBUILD_INSTALL_DENY:-}" = 1 ]; then
	echo 'deny: compiling cargo-deny'
	CARGO_TARGET_DIR=$tools/target cargo install --quiet --locked --root "$tools" cargo-deny || true
	rm -rf "$tools/target"
fi

if command -v cargo-deny >/dev/null; then
	# Its own downloads would be silent ones; all targets' crates are fetched here, by cargo.
	cargo fetch --quiet --locked
	cargo deny --locked --offline check --hide-inclusion-graph bans licenses sources
else
	need_packages jq
	# A licence expression passes when one of its alternatives holds only allowed licences.
	allowed=$(sed -n '/^allow = \[/,/^\]/s/^[[:space:]]*"\(.*\)",*$/\1/p' deny.toml | jq -R . | jq -s .)
	problems=$(cargo metadata --format-version 1 --locked | jq -r --argjson allowed "$allowed" '
		def allowed_licence: . as $one | ($allowed | index($one)) != null;
		.packages[] | select(.source != null)
		| (.license // "" | gsub("[()]"; "") | gsub("/"; " OR ")) as $licence
		| (if ([$licence | splits(" +OR +") | [splits(" +AND +")] | all(allowed_licence)] | any) then empty
			else "\(.name) \(.version): licence \"\($licence)\" is not in deny.toml" end),
		  (if .source | test("^registry\\+.*crates\\.io-index$") then empty
			else "\(.name) \(.version): unknown source \(.source)" end)')
	if [ -n "$problems" ]; then
		printf '%s\n' "$problems" >&2
		exit 1
	fi
	echo 'licences ok, sources ok (from cargo metadata); bans: not checked, cargo-deny is not installed'
fi

# The database is looked for where cargo-deny keeps it; nothing is fetched here.
advisories=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
if command -v cargo-deny >/dev/null && [ -n "$(ls -A "$advisories" 2>/dev/null)" ]; then
	cargo deny --locked --offline check --disable-fetch advisories
else
	echo 'advisories: not checked'
fi
