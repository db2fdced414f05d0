#!/usr/bin/env bash
# All tests, compiled first so that the two times are told apart. Run inside scripts/with-lab.sh.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
scripts/step.sh browser scripts/browser.sh
scripts/step.sh test-build cargo test --locked --no-run
scripts/step.sh test cargo test --locked
scripts/step.sh schema-build cargo build --locked
scripts/step.sh schema scripts/schema.sh
# schemathesis brings a Python with PyYAML.
FASTBUILD_PYTHON=.lab/schemathesis/bin/python scripts/step.sh packaging packaging/try.sh target/debug/fastbuild
