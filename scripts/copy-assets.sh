#!/usr/bin/env bash
# Copies what the compiler leaves behind (weights, pages, protos) from src to dist, beside the code that reads it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
find src -type f ! -name '*.ts' -print | while read -r file; do
  mkdir -p "dist/$(dirname "${file#src/}")"
  cp "$file" "dist/${file#src/}"
done
