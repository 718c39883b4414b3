#!/usr/bin/env bash
# The checks that need no running gateway: types, lint, walls between the rooms, format, generated documents.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/node-modules.sh
bin=$PWD/node_modules/.bin node=$PWD/node_modules/node/bin/node
step() { echo "== $1"; shift; "$@"; }
step types "$bin/tsc" -p .
# pages have a browser's globals in the place of Node's
for project in clients/web examples/web src/dashboard/page test/browser; do step "types in $project" "$bin/tsc" -p "$project" --noEmit; done
step lint "$node" node_modules/eslint/bin/eslint.js --max-warnings 0 .
step walls "$node" node_modules/dependency-cruiser/bin/dependency-cruiser.mjs --config .dependency-cruiser.mjs --output-type err src test bench scripts
step kernel "$node" scripts/kernel.ts --check
step format "$node" node_modules/prettier/bin/prettier.cjs --check --log-level warn .
if [[ -f scripts/docs/main.ts ]]; then step docs "$node" scripts/docs/main.ts --check; fi
step chart "$node" scripts/deploy/main.ts --check
