#!/usr/bin/env bash
# Assembles the root file system of the image: Node and the libraries that it loads, the gateway, a health check, and
# what a process needs of /etc. No shell, no npm, no package manager. Needs an installed node_modules, npm and a C compiler.
#   image-root.sh FOLDER [NODE]      NODE: the binary; the pinned one of node_modules when absent
# SOURCE_DATE_EPOCH (seconds since 1970) is the hour of every file; that of the commit, or none, when absent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(mkdir -p "$1" && cd "$1" && pwd)
node=${2:-node_modules/node/bin/node}
[[ -z $(ls -A "$root") ]] || { echo "image-root: $root is not empty" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# the interpreter and the libraries keep their paths: that is where the binary looks for them
install -D "$node" "$root/usr/local/bin/node"
ldd "$node" | grep -o '/[^ ]*' | sort -u | while read -r library; do install -D "$library" "$root$library"; done
# the name service loads these by itself: ldd does not see them
for library in libnss_dns.so.2 libnss_files.so.2 libresolv.so.2; do
  found=$(ldconfig -p | grep -m1 -o "/[^ ]*/$library" || true)
  [[ -z $found ]] || install -D "$found" "$root$found"
done

# what npm publishes is what the image runs: dependencies in it, nothing for development
npm pack --silent --pack-destination "$work" >/dev/null
mkdir -p "$root/app"
tar -xzf "$work"/tensorgate-*.tgz -C "$root/app" --strip-components=1 --no-same-owner
bash scripts/sbom.sh "$work"/tensorgate-*.tgz >"$root/app/sbom.cdx.json"

cc -O2 -static -Wall -Wextra -Werror -o "$work/healthcheck" deploy/image/healthcheck.c
install -D "$work/healthcheck" "$root/usr/local/bin/healthcheck"

mkdir -p "$root/etc/tensorgate" "$root/tmp"
echo 'node:x:1000:1000::/:/nonexistent' >"$root/etc/passwd"
echo 'node:x:1000:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
chmod -R u=rwX,go=rX "$root"
chmod 1777 "$root/tmp"
[[ -z ${SOURCE_DATE_EPOCH:-} ]] || find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
