{{/* Every name starts with the chart's: template names are global to a release. */}}

{{/* At most 50 characters, so that the longest suffix fits into 63, and a letter first, as a Service needs. */}}
{{- define "app-with-etcd.fullname" -}}
{{- $full := .Values.fullnameOverride | default (.Release.Name | replace "." "-") -}}
{{- include "app-with-etcd.fit" (list (ternary $full (printf "app-%s" $full) (regexMatch "^[a-z]" $full)) 50) -}}
{{- end -}}

{{/* (text, length) -> the text, or its beginning and a hash of all of it, so that shortened names stay apart. */}}
{{- define "app-with-etcd.fit" -}}
{{- $text := first . -}}
{{- $length := int (last .) -}}
{{- if gt (len $text) $length -}}
{{- printf "%s-%s" (trunc (int (sub $length 9)) $text | trimSuffix "-") (sha256sum $text | trunc 8) -}}
{{- else -}}
{{- $text -}}
{{- end -}}
{{- end -}}

{{/* The one place that reads the release's namespace. */}}
{{- define "app-with-etcd.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* (context, component) */}}
{{- define "app-with-etcd.selectorLabels" -}}
{{- $context := first . -}}
app.kubernetes.io/name: app-with-etcd
app.kubernetes.io/instance: {{ $context.Release.Name | trunc 63 }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{/* (context, component) */}}
{{- define "app-with-etcd.labels" -}}
{{- $context := first . -}}
{{ include "app-with-etcd.selectorLabels" . }}
app.kubernetes.io/version: {{ $context.Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
app.kubernetes.io/part-of: app-with-etcd
helm.sh/chart: {{ printf "app-with-etcd-%s" $context.Chart.Version | replace "+" "_" | trunc 63 }}
{{- with $context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "app-with-etcd.image" -}}
{{- $image := .Values.image | default dict -}}
{{- $registry := (.Values.global).imageRegistry | default $image.registry -}}
{{- if $registry -}}{{- printf "%s/" (trimSuffix "/" $registry) -}}{{- end -}}
{{- required "image.repository: must be set" $image.repository -}}
{{- if $image.digest -}}
{{- printf "@%s" $image.digest -}}
{{- else -}}
{{- printf ":%s" (toString ($image.tag | default .Chart.AppVersion)) -}}
{{- end -}}
{{- end -}}

{{/* Pull secrets of the chart and of its parents, each once, as a list of {name}. */}}
{{- define "app-with-etcd.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat ((.Values.global).imagePullSecrets | default list) (.Values.imagePullSecrets | default list) -}}
{{- $names = append $names (ternary . (get (ternary dict . (kindIs "string" .)) "name") (kindIs "string" .)) -}}
{{- end -}}
{{- range $names | uniq }}
- name: {{ . }}
{{- end -}}
{{- end -}}

{{/* 0 is a number of replicas too, so `default` won't do. */}}
{{- define "app-with-etcd.replicas" -}}
{{- ternary 2 .Values.replicas (kindIs "invalid" .Values.replicas) -}}
{{- end -}}

{{/* Name of the EtcdCluster that this release makes: a letter first and at most 40 characters, as the CRD demands. */}}
{{- define "app-with-etcd.clusterName" -}}
{{- $name := (.Values.etcd).name | default (printf "%s-etcd" (include "app-with-etcd.fullname" .)) -}}
{{- if not (regexMatch "^[a-z]" $name) -}}
{{- $name = printf "etcd-%s" $name -}}
{{- end -}}
{{- include "app-with-etcd.fit" (list $name 40) -}}
{{- end -}}

{{/* URLs of the etcd to use, comma separated; empty when a ConfigMap holds them. */}}
{{- define "app-with-etcd.endpoints" -}}
{{- $existing := (.Values.etcd).existing | default dict -}}
{{- $namespace := include "app-with-etcd.namespace" . -}}
{{- if (.Values.etcd).create -}}
{{- printf "http://%s-client.%s.svc:2379" (include "app-with-etcd.clusterName" .) $namespace -}}
{{- else if $existing.cluster -}}
{{- printf "http://%s-client.%s.svc:2379" $existing.cluster ($existing.namespace | default $namespace) -}}
{{- else -}}
{{- $existing.endpoints | default list | join "," -}}
{{- end -}}
{{- end -}}

{{/* Rules over several values. Each message starts with the value's path. */}}
{{- define "app-with-etcd.validate" -}}
{{- $existing := (.Values.etcd).existing | default dict -}}
{{- $given := list -}}
{{- range $key := list "cluster" "endpoints" "configMap" -}}
{{- if get $existing $key -}}{{- $given = append $given $key -}}{{- end -}}
{{- end -}}
{{- if (.Values.etcd).create -}}
{{- if or $given $existing.tlsSecret -}}
{{- fail "etcd.existing: has an effect only when etcd.create is false" -}}
{{- end -}}
{{- if not .Values.etcd.spec -}}
{{- fail "etcd.spec: must be set, at least size and version" -}}
{{- end -}}
{{- else if ne (len $given) 1 -}}
{{- fail "etcd.existing: exactly one of cluster, endpoints and configMap must be set when etcd.create is false" -}}
{{- end -}}
{{- end -}}
