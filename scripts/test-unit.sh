#!/usr/bin/env bash
# npm run test:unit: the rooms' tests that need nothing but Node and node_modules, in half a minute on two cores.
# scripts/unit-files.ts says which these are; with --left, which of the rooms' are not, and why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/node-modules.sh
node=node_modules/node/bin/node
[[ $("$node" --version) == v24.* ]] || { echo "expected the pinned Node 24, got $("$node" --version)" >&2; exit 1; }
if [[ ${1:-} == --left ]]; then exec "$node" scripts/unit-files.ts --left; fi
list=$("$node" scripts/unit-files.ts)
mapfile -t files <<<"$list"

# memory that reads are made into again is overwritten in between: who still looks at it is seen
export TENSORGATE_POISON_READS=1

# the second run does not strip the types again
export NODE_COMPILE_CACHE=node_modules/.cache/tensorgate-test-unit

# A process of its own for each file costs a second, of which the tests take a tenth: here many files share one, one after another.
shared=(--test --test-isolation=none --test-timeout=20000 --test-reporter=dot
  --import ./test/support/file-limit.ts --import ./test/support/no-programs.ts)
shards=2
output=$(mktemp -d)
trap 'rm -r "$output"' EXIT
echo "${#files[@]} files in $shards processes"
pids=()
for ((i = 1; i <= shards; i++)); do
  "$node" "${shared[@]}" --test-shard="$i/$shards" "${files[@]}" >"$output/$i" 2>&1 &
  pids+=($!)
done
failed=0
for ((i = 1; i <= shards; i++)); do
  wait "${pids[i - 1]}" || failed=1
  cat "$output/$i"
done
if ((failed)); then echo "some failed" >&2; else echo "all passed in $SECONDS s"; fi
exit "$failed"
