#!/usr/bin/env bash
# npm test: installs what the tests need, then runs every test. Arguments are test files; without any, all of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/node-modules.sh
[[ -f scripts/test-tools.sh ]] && bash scripts/test-tools.sh
node=node_modules/node/bin/node
[[ $("$node" --version) == v24.* ]] || { echo "expected the pinned Node 24, got $("$node" --version)" >&2; exit 1; }
bin/tensorgate --version >/dev/null
if (($#)); then files=("$@"); else mapfile -t files < <(find test -name '*.test.ts' | sort); fi
exec "$node" --test --test-concurrency=2 --test-timeout=600000 "${files[@]}"
