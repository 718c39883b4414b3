#!/usr/bin/env bash
# npm test: installs what the tests need, then runs every test. Arguments are test files; without any, all of them.
# Where few files fail they run once more, alone: what then passes was a matter of a crowded machine, and is named.
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

max_again=3
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT
status=0
"$node" --test --test-concurrency=2 --test-timeout=300000 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./scripts/failed-files.ts --test-reporter-destination="$failed" "${files[@]}" || status=$?
((status == 0)) && exit 0
mapfile -t again <"$failed"
if ((${#again[@]} == 0 || ${#again[@]} > max_again)); then exit "$status"; fi
echo "failed, and tried once more alone: ${again[*]}"
"$node" --test --test-concurrency=1 --test-timeout=300000 "${again[@]}"
echo "UNSTEADY, passed only when alone: ${again[*]}"
