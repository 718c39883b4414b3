#!/usr/bin/env bash
# Makes everything that a release uploads, from a clean tree at a tag's commit, into .cache/release/VERSION, and prints what it
# would upload. It uploads nothing, and changes nothing outside of that folder.
#   release.sh [--any-tree]      --any-tree: also with uncommitted changes, and without a heading for the version
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
node=node_modules/node/bin/node
version=$("$node" -p 'require("./package.json").version')
commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git show -s --format=%ct HEAD)
export SOURCE_DATE_EPOCH
out=.cache/release/$version
die() { echo "release: $*" >&2; exit 1; }
say() { echo "== $*"; }

# the version is said once, in package.json; what repeats it must agree
for file in clients/web/package.json; do
  [[ $("$node" -p "require('./$file').version") == "$version" ]] || die "$file has another version than package.json ($version)"
done
chart=deploy/helm/tensorgate/Chart.yaml
grep -Eq "^version: \"?$version\"?$" "$chart" || die "$chart: version is not $version"
grep -Eq "^appVersion: \"?$version\"?$" "$chart" || die "$chart: appVersion is not $version"
if [[ ${1:-} != --any-tree ]]; then
  [[ -z $(git status --porcelain) ]] || die 'there are uncommitted changes'
  grep -q "^## \[$version\] - [0-9-]*$" CHANGELOG.md || die "CHANGELOG.md has no heading \"## [$version] - YYYY-MM-DD\""
fi

rm -rf "$out"
mkdir -p "$out"/{npm,chart}
made=()

say 'npm packages'
npm pack --silent --pack-destination "$out/npm" >/dev/null
(cd clients/web && npm pack --silent --pack-destination "../../$out/npm" >/dev/null)
made+=("npm publish $out/npm/tensorgate-$version.tgz" "npm publish $out/npm/tensorgate-web-$version.tgz")

say 'SBOM'
bash scripts/sbom.sh "$out/npm/tensorgate-$version.tgz" >"$out/tensorgate-$version.cdx.json"

if command -v buildah >/dev/null; then
  say 'image'
  bash scripts/image.sh "$out/tensorgate-$version.tar"
  made+=("skopeo copy oci-archive:$out/tensorgate-$version.tar docker://REGISTRY/tensorgate:$version")
else
  echo 'SKIP: the image: buildah is not installed (Debian: apt-get install buildah)'
fi

tools=${TENSORGATE_TOOLS_DIR:-$HOME/.cache/tensorgate-tools}
helm=$(command -v helm || { [[ -x $tools/bin/helm ]] && echo "$tools/bin/helm"; } || true)
if [[ -n $helm ]]; then
  say 'chart'
  "$helm" package deploy/helm/tensorgate --destination "$out/chart" >/dev/null
  made+=("helm push $out/chart/tensorgate-$version.tgz oci://REGISTRY/charts")
else
  echo 'SKIP: the chart: helm is not installed (bash scripts/test-tools.sh helm)'
fi

say 'site'
npm run --silent site -- hosted >/dev/null
tar -C "dist/site" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 -czf "$out/site-$version.tar.gz" "$version"
made+=("$out/site-$version.tar.gz: unpacked where the documents are served, beside the versions before")

(cd "$out" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS)
say "made from $commit, in $out"
(cd "$out" && find . -type f -printf '%P\t%s bytes\n' | sort)
say 'to upload, none of which has been done:'
git tag --points-at HEAD | grep -qx "v$version" || made=("git tag -s v$version $commit && git push origin v$version" "${made[@]}")
printf '   %s\n' "${made[@]}"
