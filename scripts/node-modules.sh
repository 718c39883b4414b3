#!/usr/bin/env bash
# Puts the pinned npm packages (Node 24 among them) into node_modules, once per lock file; says what it does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mark=node_modules/.tensorgate-lock
if [[ ! -f $mark || $(<package-lock.json) != "$(<"$mark")" ]]; then
  echo "tensorgate: installing npm packages (once, about half a minute)" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json "$mark"
fi
