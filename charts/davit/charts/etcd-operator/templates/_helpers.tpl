{{/* Every name starts with the chart's: template names are global to a release. */}}

{{/* The name in labels. Not .Chart.Name, which an alias in a parent chart changes, and with it the selectors. */}}
{{- define "etcd-operator.name" -}}
{{- .Values.nameOverride | default "etcd-operator" | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 50 characters, so that the longest suffix fits into 63, and a letter first, as a Service needs. */}}
{{- define "etcd-operator.fullname" -}}
{{- $name := include "etcd-operator.name" . -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- $full := ternary $release (printf "%s-%s" $release $name) (contains $name $release) -}}
{{- $full = .Values.fullnameOverride | default $full -}}
{{- include "etcd-operator.fit" (list (ternary $full (printf "etcd-%s" $full) (regexMatch "^[a-z]" $full)) 50) -}}
{{- end -}}

{{/* (text, length) -> the text, or its beginning and a hash of all of it, so that shortened names stay apart. */}}
{{- define "etcd-operator.fit" -}}
{{- $text := first . -}}
{{- $length := int (last .) -}}
{{- if gt (len $text) $length -}}
{{- printf "%s-%s" (trunc (int (sub $length 9)) $text | trimSuffix "-") (sha256sum $text | trunc 8) -}}
{{- else -}}
{{- $text -}}
{{- end -}}
{{- end -}}

{{/* The one place that reads the release's namespace. */}}
{{- define "etcd-operator.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* (context, suffix) -> a name for a cluster-scoped object. The dot, which no namespace has, keeps n-a/b and n/a-b apart. */}}
{{- define "etcd-operator.clusterName" -}}
{{- $context := first . -}}
{{- $base := printf "%s.%s" (include "etcd-operator.namespace" $context) (include "etcd-operator.fullname" $context) -}}
{{- printf "%s%s" (include "etcd-operator.fit" (list $base 50)) (last .) -}}
{{- end -}}

{{/* (context, namespace) -> a name for an object there: in a foreign namespace another release may have the same name. */}}
{{- define "etcd-operator.namespacedName" -}}
{{- $context := first . -}}
{{- if eq (last .) (include "etcd-operator.namespace" $context) -}}
{{- include "etcd-operator.fullname" $context -}}
{{- else -}}
{{- include "etcd-operator.clusterName" (list $context "") -}}
{{- end -}}
{{- end -}}

{{- define "etcd-operator.serviceAccountName" -}}
{{- $account := .Values.serviceAccount | default dict -}}
{{- $own := ternary (include "etcd-operator.fullname" .) "default" (eq (toString $account.create) "true") -}}
{{- $account.name | default $own -}}
{{- end -}}

{{/* (context, component) */}}
{{- define "etcd-operator.selectorLabels" -}}
{{- $context := first . -}}
app.kubernetes.io/name: {{ include "etcd-operator.name" $context }}
app.kubernetes.io/instance: {{ $context.Release.Name | trunc 63 }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{/* (context, component) */}}
{{- define "etcd-operator.labels" -}}
{{- $context := first . -}}
{{ include "etcd-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ $context.Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
app.kubernetes.io/part-of: davit
helm.sh/chart: {{ printf "etcd-operator-%s" $context.Chart.Version | replace "+" "_" | trunc 63 }}
{{- with $context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* (global values, {registry, repository}) -> registry/repository; the one place that knows the global registry. */}}
{{- define "etcd-operator.repository" -}}
{{- $global := first . | default dict -}}
{{- $image := last . | default dict -}}
{{- $registry := $global.imageRegistry | default $image.registry -}}
{{- if $registry -}}{{- printf "%s/" (trimSuffix "/" $registry) -}}{{- end -}}
{{- $image.repository -}}
{{- end -}}

{{- define "etcd-operator.image" -}}
{{- $image := .Values.image | default dict -}}
{{- $repository := include "etcd-operator.repository" (list .Values.global $image) -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (toString ($image.tag | default .Chart.AppVersion)) -}}
{{- end -}}
{{- end -}}

{{/* Pull secrets of the chart and of its parents, each once, as a list of {name}. */}}
{{- define "etcd-operator.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat ((.Values.global).imagePullSecrets | default list) (.Values.imagePullSecrets | default list) -}}
{{- $names = append $names (ternary . (get (ternary dict . (kindIs "string" .)) "name") (kindIs "string" .)) -}}
{{- end -}}
{{- range $names | uniq }}
- name: {{ . }}
{{- end -}}
{{- end -}}

{{- define "etcd-operator.scope" -}}
{{- .Values.scope | default "cluster" -}}
{{- end -}}

{{/* The namespaces to work in, comma separated; empty means all. */}}
{{- define "etcd-operator.watchNamespaces" -}}
{{- if eq (include "etcd-operator.scope" .) "namespaces" -}}
{{- .Values.namespaces | sortAlpha | join "," -}}
{{- else if eq (include "etcd-operator.scope" .) "release" -}}
{{- include "etcd-operator.namespace" . -}}
{{- end -}}
{{- end -}}

{{/* 0 is a number of replicas too, so `default` won't do. */}}
{{- define "etcd-operator.replicas" -}}
{{- ternary 1 .Values.replicas (kindIs "invalid" .Values.replicas) -}}
{{- end -}}

{{/* The names of the operator's own CustomResourceDefinitions: the names of the files in crds/. */}}
{{- define "etcd-operator.crdNames" -}}
{{- $names := list -}}
{{- range $path, $_ := .Files.Glob "crds/*.yaml" -}}
{{- $names = append $names (base $path | trimSuffix ".yaml") -}}
{{- end -}}
{{- $names | sortAlpha | toJson -}}
{{- end -}}
