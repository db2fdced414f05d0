#!/usr/bin/env bash
# fuzz.sh [SECONDS [TARGET…]]: every fuzz target in turn, ten minutes each unless told otherwise.
#
# Needs cargo-fuzz (`cargo install --locked cargo-fuzz`). The code has no unsafe of its own (a lint forbids it), so the
# targets run without a sanitizer, twice as fast, on the stable compiler. What a run finds is written to fuzz/artifacts
# and belongs, once mended, into fuzz/corpus: `make test` replays that. Inputs a run discovers go to fuzz/found, outside
# the repository.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
export RUSTC_BOOTSTRAP=1

seconds=${1:-600}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
	mapfile -t targets < <(sed -n 's/^path = "fuzz_targets\/\(.*\)\.rs"$/\1/p' fuzz/Cargo.toml)
fi
failed=()
for target in "${targets[@]}"; do
	mkdir -p "fuzz/found/$target"
	printf '== %s, %s s\n' "$target" "$seconds"
	cargo fuzz run --sanitizer none "$target" "fuzz/found/$target" "fuzz/corpus/$target" -- \
		-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 || failed+=("$target")
done
if [ ${#failed[@]} -gt 0 ]; then
	printf 'fuzz: findings in %s\n' "${failed[*]}" >&2
	exit 1
fi
