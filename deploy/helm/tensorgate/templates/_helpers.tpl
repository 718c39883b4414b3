{{- define "tensorgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "tensorgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 57 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 57 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 57 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "tensorgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tensorgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tensorgate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "tensorgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tensorgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tensorgate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "tensorgate.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{- /* The ports, with the defaults of the configuration's schema. */ -}}
{{- define "tensorgate.restPort" -}}{{ int (dig "doors" "restPort" 8000 .Values.config) }}{{- end }}
{{- define "tensorgate.grpcPort" -}}{{ int (dig "doors" "grpcPort" 9000 .Values.config) }}{{- end }}
{{- define "tensorgate.adminPort" -}}{{ int (dig "doors" "adminPort" 8001 .Values.config) }}{{- end }}

{{- /* Whether the doors, or the admin door, speak TLS: "true" or nothing. */ -}}
{{- define "tensorgate.tls" -}}{{ if dig "doors" "tls" "" .Values.config }}true{{ end }}{{- end }}
{{- define "tensorgate.adminTls" -}}
{{- if and (include "tensorgate.tls" .) (dig "doors" "tls" "admin" true .Values.config) }}true{{ end }}
{{- end }}

{{- define "tensorgate.tlsSecret" -}}
{{- if .Values.certificate.enabled -}}
{{ include "tensorgate.fullname" . }}-tls
{{- else -}}
{{ .Values.tls.existingSecret }}
{{- end -}}
{{- end }}

{{- /* Namespaces in which a fleet looks for EndpointSlices, as YAML list. */ -}}
{{- define "tensorgate.discoveryNamespaces" -}}
{{- $found := list -}}
{{- range $name, $fleet := .Values.config.fleets -}}
{{- with dig "discovery" "kubernetes" "" ($fleet | default dict) -}}
{{- $found = append $found (default $.Release.Namespace .namespace) -}}
{{- end -}}
{{- end -}}
{{- toJson (uniq $found) -}}
{{- end }}

{{- /* Seconds from SIGTERM until the kubelet may kill: what the gateway takes at most, rounded up, and some to spare. */ -}}
{{- define "tensorgate.terminationSeconds" -}}
{{- $grace := int (dig "shutdown" "graceMs" 5000 .Values.config) -}}
{{- $drain := int (dig "shutdown" "drainMs" 20000 .Values.config) -}}
{{- add (div (add $grace $drain 999) 1000) (int .Values.terminationSpareSeconds) -}}
{{- end }}

{{- /* What a reload refuses to change: only these restart the pods, the file's watch takes the rest. */ -}}
{{- define "tensorgate.fixedChecksum" -}}
{{- $doors := pick (default dict .Values.config.doors) "host" "restPort" "grpcPort" "adminPort" "adminHost" -}}
{{- $telemetry := pick (default dict .Values.config.telemetry) "metricsPrefix" "maxModels" "maxVersionsPerModel" "maxSeries" -}}
{{- dict "doors" $doors "telemetry" $telemetry "workers" (default 1 .Values.config.workers) | toJson | sha256sum -}}
{{- end }}

{{- /* A probe of a path of the admin door. */ -}}
{{- define "tensorgate.probe" -}}
{{- $root := .root -}}
{{- if and (include "tensorgate.adminTls" $root) (dig "doors" "tls" "clientCa" "" $root.Values.config) }}
exec:
  command: [/usr/local/bin/node, /app/dist/main.js, health, --config, /etc/tensorgate/tensorgate.yaml{{ if eq .path "/readyz" }}, --ready{{ end }}]
{{- else }}
httpGet:
  path: {{ .path }}
  port: admin
  {{- if include "tensorgate.adminTls" $root }}
  scheme: HTTPS
  {{- end }}
{{- end }}
{{- end }}

{{- /* Mistakes between values, which no schema can say. */ -}}
{{- define "tensorgate.check" -}}
{{- if not .Values.config.fleets -}}
{{- fail "config.fleets is empty: name at least one fleet, as in config: {fleets: {default: {backends: [tfs://serving:8500]}}}" -}}
{{- end -}}
{{- range $door := list "restPort" "grpcPort" "adminPort" -}}
{{- if eq (int (dig "doors" $door 1 $.Values.config)) 0 -}}
{{- fail (printf "config.doors.%s is 0: Services and probes need a port that is known" $door) -}}
{{- end -}}
{{- end -}}
{{- $bound := dig "doors" "adminHost" (dig "doors" "host" "0.0.0.0" .Values.config) .Values.config -}}
{{- if or (hasPrefix "127." $bound) (eq $bound "localhost") (eq $bound "::1") -}}
{{- fail (printf "config.doors.adminHost (or host) is %s: probes come from the node, and would not reach the admin door" $bound) -}}
{{- end -}}
{{- $secret := include "tensorgate.tlsSecret" . -}}
{{- $cert := dig "doors" "tls" "cert" "" .Values.config -}}
{{- if and $secret (not (hasPrefix "/etc/tensorgate-tls/" $cert)) -}}
{{- fail "a TLS Secret is mounted and not used: set config.doors.tls to {cert: /etc/tensorgate-tls/tls.crt, key: /etc/tensorgate-tls/tls.key}" -}}
{{- end -}}
{{- if and (hasPrefix "/etc/tensorgate-tls/" $cert) (not $secret) -}}
{{- fail (printf "config.doors.tls.cert is %s, and no Secret is mounted there: set tls.existingSecret, or certificate.enabled" $cert) -}}
{{- end -}}
{{- if and .Values.certificate.enabled .Values.tls.existingSecret -}}
{{- fail "certificate.enabled and tls.existingSecret exclude each other" -}}
{{- end -}}
{{- if and .Values.certificate.enabled (not .Values.certificate.issuerRef.name) -}}
{{- fail "certificate.issuerRef.name is missing" -}}
{{- end -}}
{{- if and .Values.redis.existingSecret (not (contains "${REDIS_URL" (toYaml .Values.config))) -}}
{{- fail "redis.existingSecret is set and not used: set config.cache.redisUrl or config.sharedLimits.redisUrl to ${REDIS_URL}" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.admin.enabled) -}}
{{- fail "serviceMonitor.enabled needs service.admin.enabled; podMonitor.enabled does not" -}}
{{- end -}}
{{- range $kind := list "httpRoute" "grpcRoute" -}}
{{- $route := get $.Values $kind -}}
{{- if and $route.enabled (not $route.parentRefs) -}}
{{- fail (printf "%s.parentRefs is empty: name the Gateway that the route belongs to" $kind) -}}
{{- end -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- if not (or .Values.autoscaling.targetCPUUtilizationPercentage .Values.autoscaling.targetQueuedRequests) -}}
{{- fail "autoscaling.enabled needs targetCPUUtilizationPercentage or targetQueuedRequests" -}}
{{- end -}}
{{- end -}}
{{- end }}
