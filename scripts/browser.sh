#!/usr/bin/env bash
# The browser that the console's tests drive: Debian's Chromium, its WebDriver and fonts for Chinese.
#
#   scripts/browser.sh          install what is missing

here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=scripts/lab/settings.sh
. "$here/lab/settings.sh"
# shellcheck source=scripts/lab/packages.sh
. "$here/lab/packages.sh"
need_packages chromium chromium-driver fonts-noto-cjk fonts-dejavu-core
