#!/usr/bin/env bash
# Compiles the gateway into dist and the dashboard's page into dist/web, and copies what is not compiled.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
node_modules/.bin/tsc -p tsconfig.build.json
node_modules/.bin/tsc -p tsconfig.page.json
bash scripts/copy-assets.sh
