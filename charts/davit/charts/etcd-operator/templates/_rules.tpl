{{/* The exact rights that the operator uses in a namespace where EtcdClusters are. */}}
{{- define "etcd-operator.rules" -}}
# To create: an EtcdRestore makes its EtcdCluster.
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters]
  verbs: [get, list, watch, create]
# To create and delete: those of schedules, and those before risky changes.
- apiGroups: [etcd.davit.dev]
  resources: [etcdbackups]
  verbs: [get, list, watch, create, delete]
- apiGroups: [etcd.davit.dev]
  resources: [etcdbackupschedules, etcdrestores]
  verbs: [get, list, watch]
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters/status, etcdbackups/status, etcdbackupschedules/status, etcdrestores/status]
  verbs: [patch]
# For owner references that block the owner's deletion.
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters/finalizers, etcdbackups/finalizers, etcdbackupschedules/finalizers]
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
  verbs: [list]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
# In which backups are made, verified and restored.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* What users with the role view may do. */}}
{{- define "etcd-operator.viewRules" -}}
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters, etcdbackups, etcdbackupschedules, etcdrestores]
  verbs: [get, list, watch]
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters/status, etcdclusters/scale, etcdbackups/status, etcdbackupschedules/status, etcdrestores/status]
  verbs: [get]
{{- end -}}

{{/* What users with the role edit may do beyond that. */}}
{{- define "etcd-operator.editRules" -}}
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters, etcdbackups, etcdbackupschedules, etcdrestores]
  verbs: [create, delete, deletecollection, patch, update]
- apiGroups: [etcd.davit.dev]
  resources: [etcdclusters/scale]
  verbs: [patch, update]
{{- end -}}
