#!/usr/bin/env bash
# Copies what the compiler leaves behind (weights, pages) from src to dist, beside the code that reads it.
# copy-assets.sh [FOLDER in the place of dist]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dist=${1:-dist}
copy() { mkdir -p "$(dirname "$2")" && cp "$1" "$2"; }
find src -type f ! -name '*.ts' ! -path 'src/dashboard/page/*' | while read -r file; do copy "$file" "$dist/${file#src/}"; done
# the dashboard's page lies in dist/web as in the repository, beside the web client that it imports
find src/dashboard/page -type f ! -name '*.ts' ! -name '*.json' | while read -r file; do copy "$file" "$dist/web/$file"; done
# what the demo tells a reader to send, and what an editor checks a configuration by
copy examples/digits.json "$dist/examples/digits.json"
copy docs/tensorgate.schema.json "$dist/tensorgate.schema.json"
chmod +x "$dist/launch.cjs"
