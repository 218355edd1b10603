{{/* Every name starts with the chart's: template names are global to a release. */}}

{{/* At most 40 characters and a letter first, as the CRD demands; a hash keeps shortened names apart. */}}
{{- define "etcd-cluster.name" -}}
{{- $name := .Values.name | default (.Release.Name | replace "." "-") -}}
{{- if not (regexMatch "^[a-z]" $name) -}}
{{- $name = printf "etcd-%s" $name -}}
{{- end -}}
{{- if gt (len $name) 40 -}}
{{- $name = printf "%s-%s" (trunc 31 $name | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* The one place that reads the release's namespace. */}}
{{- define "etcd-cluster.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{- define "etcd-cluster.labels" -}}
app.kubernetes.io/name: etcd
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 }}
app.kubernetes.io/component: cluster
app.kubernetes.io/version: {{ (.Values.spec).version | toString | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: davit
helm.sh/chart: {{ printf "etcd-cluster-%s" .Chart.Version | replace "+" "_" | trunc 63 }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
