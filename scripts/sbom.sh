#!/usr/bin/env bash
# Prints the bill of materials (CycloneDX, JSON) of a packed npm package: what is in it, and nothing else. The same package
# gives the same text.
#   sbom.sh tensorgate-VERSION.tgz
# npm leaves packages out of a checkout's bill that something for development needs too: undici, for one (npm 10, 11).
set -euo pipefail
package=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# npm calls the package what its folder is called
mkdir "$work/tensorgate"
tar -xzf "$package" -C "$work/tensorgate" --strip-components=1
cd "$work/tensorgate"
node -e '
  const fs = require("node:fs");
  const { devDependencies, scripts, ...manifest } = JSON.parse(fs.readFileSync("package.json", "utf8"));
  fs.writeFileSync("package.json", JSON.stringify(manifest));
'
npm sbom --sbom-format=cyclonedx --sbom-type=application >bom.json
# its serial number and hour would be others each time
node -e '
  const { createHash } = require("node:crypto");
  const bom = JSON.parse(require("node:fs").readFileSync("bom.json", "utf8"));
  delete bom.serialNumber;
  delete bom.metadata.timestamp;
  const hex = createHash("sha256").update(JSON.stringify(bom)).digest("hex");
  bom.serialNumber = `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  console.log(JSON.stringify(bom, undefined, 2));
'
