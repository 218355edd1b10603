{{/* Every name starts with the chart's: template names are global to a release. */}}

{{/* At most 40 characters and a letter first; a hash keeps shortened names apart. */}}
{{- define "monitoring.name" -}}
{{- $name := .Values.name | default (.Release.Name | replace "." "-") -}}
{{- if not (regexMatch "^[a-z]" $name) -}}
{{- $name = printf "m-%s" $name -}}
{{- end -}}
{{- if gt (len $name) 40 -}}
{{- $name = printf "%s-%s" (trunc 31 $name | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* The one place that reads the release's namespace. */}}
{{- define "monitoring.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* A name for a cluster-scoped object. The dot, which no namespace has, keeps n-a/b and n/a-b apart. */}}
{{- define "monitoring.clusterName" -}}
{{- $name := printf "%s.%s" (include "monitoring.namespace" .) (include "monitoring.name" .) -}}
{{- if gt (len $name) 50 -}}
{{- $name = printf "%s-%s" (trunc 41 $name | trimSuffix "-" | trimSuffix ".") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- printf "%s-prometheus" $name -}}
{{- end -}}

{{- define "monitoring.serviceAccountName" -}}
{{- $account := (.Values.prometheus).serviceAccount | default dict -}}
{{- $own := ternary (printf "prometheus-%s" (include "monitoring.name" .)) "default" (eq (toString $account.create) "true") -}}
{{- $account.name | default $own -}}
{{- end -}}

{{/* (context, prometheus or alertmanager) */}}
{{- define "monitoring.labels" -}}
{{- $context := first . -}}
{{- $product := last . -}}
app.kubernetes.io/name: {{ $product }}
app.kubernetes.io/instance: {{ $context.Release.Name | trunc 63 }}
app.kubernetes.io/component: {{ $product }}
app.kubernetes.io/version: {{ (((index $context.Values $product) | default dict).spec).version | toString | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
app.kubernetes.io/part-of: davit
helm.sh/chart: {{ printf "monitoring-%s" $context.Chart.Version | replace "+" "_" | trunc 63 }}
{{- with $context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of the Prometheus and the Alertmanager. */}}
{{- define "monitoring.annotations" -}}
{{- with .Values.annotations }}
{{- toYaml . }}
{{- end }}
{{- if .Values.keepOnUninstall }}
helm.sh/resource-policy: keep
{{- end }}
{{- end -}}

{{/* The spec of the Prometheus, with what depends on the rest of the release where it says nothing of it. */}}
{{- define "monitoring.prometheusSpec" -}}
{{- $spec := deepCopy (.Values.prometheus).spec -}}
{{- $filled := dict -}}
{{- if (((.Values.prometheus).serviceAccount).create) -}}
{{- $_ := set $filled "serviceAccountName" (include "monitoring.serviceAccountName" .) -}}
{{- $_ := set $filled "automountServiceAccountToken" true -}}
{{- else if (((.Values.prometheus).serviceAccount).name) -}}
{{- $_ := set $filled "serviceAccountName" (include "monitoring.serviceAccountName" .) -}}
{{- end -}}
{{- if (.Values.alertmanager).enabled -}}
{{- $one := dict "name" (printf "alertmanager-%s" (include "monitoring.name" .)) "namespace" (include "monitoring.namespace" .) "port" "web" -}}
{{- $_ := set $filled "alerting" (dict "alertmanagers" (list $one)) -}}
{{- end -}}
{{- if eq (toString (.Values.prometheus).discovery) "cluster" -}}
{{- range $kind := list "serviceMonitor" "podMonitor" "probe" "scrapeConfig" "rule" -}}
{{- if hasKey $spec (printf "%sSelector" $kind) -}}
{{- $_ := set $filled (printf "%sNamespaceSelector" $kind) dict -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := $filled -}}
{{- if not (hasKey $spec $name) -}}
{{- $_ := set $spec $name $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $spec -}}
{{- end -}}
