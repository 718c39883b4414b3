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

# memory that reads are made into again is overwritten in between: who still looks at it is seen
export TENSORGATE_POISON_READS=1

# nobody watches CI: a file that never ends costs an hour, and its name is told
limit=()
[[ "${CI:-}" == true ]] && limit=(timeout --signal=INT --kill-after=60 60m)
exec "${limit[@]}" "$node" --test --test-concurrency=2 --test-timeout=300000 --import ./test/support/file-limit.ts "${files[@]}"
