{{/* The exact rights that the operator uses in a namespace that it works in. */}}
{{- define "prometheus-operator.rules" -}}
- apiGroups: [monitoring.coreos.com]
  resources: [prometheuses, prometheusagents, servicemonitors, podmonitors, probes, prometheusrules, scrapeconfigs]
  verbs: [get, list, watch]
- apiGroups: [monitoring.coreos.com]
  resources:
    - prometheuses/status
    - prometheusagents/status
    - servicemonitors/status
    - podmonitors/status
    - probes/status
    - prometheusrules/status
    - scrapeconfigs/status
  verbs: [patch]
# For owner references that block the owner's deletion.
- apiGroups: [monitoring.coreos.com]
  resources: [prometheuses/finalizers, prometheusagents/finalizers]
  verbs: [update]
# Of Secrets and ConfigMaps it holds the names alone, and reads those that a resource refers to.
- apiGroups: [""]
  resources: [secrets, configmaps, services]
  verbs: [get, list, watch, create, patch, delete]
# A patched annotation makes the kubelet refresh the pod's volumes at once.
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims]
  verbs: [get, list, watch, patch]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* What users with the role view may do. */}}
{{- define "prometheus-operator.viewRules" -}}
- apiGroups: [monitoring.coreos.com]
  resources: [prometheuses, prometheusagents, servicemonitors, podmonitors, probes, prometheusrules, scrapeconfigs]
  verbs: [get, list, watch]
- apiGroups: [monitoring.coreos.com]
  resources: [prometheuses/status, prometheuses/scale, prometheusagents/status, prometheusagents/scale]
  verbs: [get]
{{- end -}}

{{/* What users with the role edit may do beyond that. */}}
{{- define "prometheus-operator.editRules" -}}
- apiGroups: [monitoring.coreos.com]
  resources: [prometheuses, prometheusagents, servicemonitors, podmonitors, probes, prometheusrules, scrapeconfigs]
  verbs: [create, delete, deletecollection, patch, update]
- apiGroups: [monitoring.coreos.com]
  resources: [prometheuses/scale, prometheusagents/scale]
  verbs: [patch, update]
{{- end -}}
