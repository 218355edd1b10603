{{/* The exact rights that the operator uses in a namespace where EtcdClusters are. */}}
{{- define "etcd-operator.rules" -}}
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters]
  verbs: [get, list, watch]
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters/status]
  verbs: [patch, update]
# For owner references that block the owner's deletion.
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [services, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch, delete]
# Why a volume or a pod is pending.
- apiGroups: [""]
  resources: [events]
  verbs: [get, list]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* The names of the operator's own CustomResourceDefinitions: the names of the files in crds/. */}}
{{- define "etcd-operator.crdNames" -}}
{{- $names := list -}}
{{- range $path, $_ := .Files.Glob "crds/*.yaml" -}}
{{- $names = append $names (base $path | trimSuffix ".yaml") -}}
{{- end -}}
{{- $names | sortAlpha | toJson -}}
{{- end -}}
