#!/usr/bin/env bash
# Takes over the picture of the console that the browser test made (target/screenshots/console.png) into docs/.
# Run after a test run: scripts/picture.sh
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
picture=target/screenshots/console.png
[ -s "$picture" ] || { echo "no $picture: run the console's tests first" >&2; exit 1; }
size=$(stat -c %s "$picture")
[ "$size" -lt 300000 ] || { echo "$picture has $size bytes, more than 300000" >&2; exit 1; }
install -m 0644 "$picture" docs/console.png
