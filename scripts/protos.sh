#!/bin/sh
# Compiles protos/ into src/codec/proto/descriptors.ts, which server reflection gives out. Run it after a change in protos/;
# with --check it only says whether that was done.
# PROTOC_PYTHON names a Python that has grpcio-tools 1.76.0; without it, one is set up in a temporary directory.
set -eu
cd "$(dirname "$0")/.."
target=src/codec/proto/descriptors.ts
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PROTOC_PYTHON:-}
if [ -z "$python" ]; then
  python3 -m venv "$work/venv"
  python="$work/venv/bin/python"
  "$python" -m pip -q install grpcio-tools==1.76.0
fi
(cd protos && find . -name '*.proto' | sed 's|^\./||' | sort | xargs "$python" -m grpc_tools.protoc -I . --include_imports --descriptor_set_out "$work/set")
{
  echo '/** Compiled from protos/ by scripts/protos.sh: a google.protobuf.FileDescriptorSet in base64. Do not edit. */'
  echo 'export const descriptorSet ='
  base64 -w 100 "$work/set" | sed "s/.*/  '&' +/" | sed '$ s/ +$/;/'
} > "$work/descriptors.ts"
if [ "${1:-}" != --check ]; then
  cp "$work/descriptors.ts" "$target"
elif ! cmp -s "$work/descriptors.ts" "$target"; then
  echo "$target is out of date: run scripts/protos.sh" >&2
  exit 1
fi
