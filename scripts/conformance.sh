#!/usr/bin/env bash
# Runs the shared conformance suites (Connect's, for gRPC and gRPC-Web, and h2spec) through the gateway, and checks the figures.
# Arguments choose suites; without any, all. Where ../shared is not, there is nothing to run. Without the tools (offline) it
# says so loudly, and fails under CI=true.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shared=../shared/conformance
# Cases that must pass. The 8 that "web" and "web-tls" lack are beyond their upstream (see the README in the folder above).
declare -A least=(
  [grpc]=374 [client-grpc]=409 [grpc-full]=2184 [web]=335 [web-tls]=335
  [client-web1]=315 [client-web2]=315 [client-web1-full]=1111 [client-web2-full]=1111 [h2spec]=145
)
read -ra suites <<<"${*:-grpc client-grpc grpc-full web web-tls client-web1 client-web2 client-web1-full client-web2-full h2spec}"

say() { echo "conformance: $*" >&2; }
[[ -d $shared ]] || { say "no $shared: nothing to run"; exit 0; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
if ! bash "$shared/install-tools.sh" >"$out/tools.log" 2>&1; then
  tail -n 5 "$out/tools.log" >&2
  say 'SKIP: its tools could not be installed; NO SUITE WAS RUN'
  [[ ${CI:-} != true ]] || exit 1
  exit 0
fi

TENSORGATE=$PWD/bin/tensorgate
export TENSORGATE
"$TENSORGATE" --version >/dev/null # builds before the suites begin to wait for ports
gateway=$(cd "$shared" && pwd)/run-tensorgate.sh
failed=0
for suite in "${suites[@]}"; do
  log=$out/$suite.log
  if [[ $suite == h2spec ]]; then
    bash "$shared/h2spec.sh" --gateway "$gateway" >"$log" 2>&1 || true
    passed=$(sed -nE 's/^[0-9]+ tests, ([0-9]+) passed.*/\1/p' "$log" | tail -n 1)
  else
    bash "$shared/run.sh" --gateway "$gateway" --suite "$suite" --out "$out" >"$out/summary" 2>&1 || true
    passed=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["passed"])' "$out/$suite.json" || true)
  fi
  if ((${passed:-0} >= least[$suite])); then
    printf '%-16s %s passed\n' "$suite" "$passed"
  else
    failed=1
    printf '%-16s %s passed, %s must\n' "$suite" "${passed:-0}" "${least[$suite]}"
    if [[ $suite == h2spec ]]; then tail -n 40 "$log"; else head -n 20 "$out/summary" | cut -c1-300; fi
  fi
done
exit $failed
