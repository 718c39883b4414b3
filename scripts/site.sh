#!/usr/bin/env bash
# Builds the docs as a site: for the admin door (dist/docs, below /docs/), or with "hosted" below the version's own path (dist/site/VERSION).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
node=$PWD/node_modules/node/bin/node
if [ "${1:-}" = hosted ]; then
  version=$("$node" -p "require('./package.json').version")
  export TENSORGATE_SITE_BASE=/$version/ TENSORGATE_SITE_OUT=${2:-$PWD/dist/site/$version}
else
  export TENSORGATE_SITE_BASE=/docs/ TENSORGATE_SITE_OUT=${1:-$PWD/dist/docs}
fi
exec "$node" node_modules/vitepress/bin/vitepress.js build docs
