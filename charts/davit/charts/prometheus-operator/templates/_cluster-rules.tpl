{{/* What it uses beyond namespaces, with `scope: cluster` only. */}}
{{- define "prometheus-operator.clusterRules" -}}
# By its labels a namespace is selected.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, watch]
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [get]
{{- if not (.Values.crds).maintain }}
# What a status can hold where others installed the kinds.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames:
    {{- include "prometheus-operator.crdNames" . | fromJsonArray | toYaml | nindent 4 }}
  verbs: [get]
{{- end }}
{{- end -}}
