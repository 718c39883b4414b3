#!/usr/bin/env bash
# Compiles the gateway into dist and the dashboard's page into dist/web, and copies what is not compiled.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# made beside it and then exchanged: nothing of an earlier build is left, and nobody finds half of one
new=.cache/build.$$
trap 'rm -rf "$new" "$new.old"' EXIT
rm -rf "$new"
node_modules/.bin/tsc -p tsconfig.build.json --outDir "$new"
node_modules/.bin/tsc -p tsconfig.page.json --outDir "$new/web"
node_modules/.bin/tsc -p tsconfig.types.json --outDir "$new"
bash scripts/copy-assets.sh "$new"
[[ ! -e dist ]] || mv dist "$new.old"
mv "$new" dist
