#!/usr/bin/env bash
# Builds the image without pulling one: the root file system of image-root.sh as one layer, by buildah. The same commit
# gives the same digest on machines with the same C library and compiler.
#   image.sh FILE.tar      an OCI archive (podman load, skopeo copy oci-archive:FILE.tar)
# Docker's own format would name the container that it was made in, so each build would have another digest. OCI's has no
# health check: an engine that wants one is told to run /usr/local/bin/healthcheck.
# Dockerfile makes the same root in a pinned Debian, for other engines and architectures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
archive=$1
command -v buildah >/dev/null || { echo 'image: needs buildah (Debian: apt-get install buildah)' >&2; exit 1; }
# files of its own: neither overlay mounts nor a registry are needed
export STORAGE_DRIVER=vfs
node=node_modules/node/bin/node
version=$("$node" -p 'require("./package.json").version')
commit=$(git rev-parse HEAD)
seconds=$(git show -s --format=%ct HEAD)
work=$(mktemp -d)
container=
end() {
  [[ -z $container ]] || buildah rm "$container" >/dev/null
  rm -rf "$work"
}
trap end EXIT

SOURCE_DATE_EPOCH=$seconds bash scripts/image-root.sh "$work/root"
rm -f "$archive"
container=$(buildah from scratch)
buildah copy --quiet "$container" "$work/root" / >/dev/null
# what the Dockerfile says of a process is said once
entrypoint=$(sed -n 's/^ENTRYPOINT //p' Dockerfile)
command=$(sed -n 's/^CMD //p' Dockerfile | "$node" -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).join(" ")')
buildah config --user 1000:1000 --workingdir /app --env NODE_ENV=production --port 8000 --port 9000 --port 8001 \
  --entrypoint "$entrypoint" --cmd "$command" \
  --label org.opencontainers.image.title=tensorgate \
  --label "org.opencontainers.image.version=$version" \
  --label "org.opencontainers.image.revision=$commit" \
  --label "org.opencontainers.image.created=$(date -u --date="@$seconds" +%Y-%m-%dT%H:%M:%SZ)" \
  --label org.opencontainers.image.licenses=Apache-2.0 \
  --label 'org.opencontainers.image.description=A gRPC-Web and REST gateway and load balancer for model servers' \
  "$container"
buildah commit --quiet --timestamp "$seconds" --format oci "$container" "oci-archive:$archive:tensorgate:$version" >/dev/null
echo "$archive: tensorgate:$version, $(du -sm "$work/root" | cut -f1) MB unpacked, $(du -sm "$work/root/app" | cut -f1) MB of them the gateway"
