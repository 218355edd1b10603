{{/* What the common templates leave to this chart; the others are the same in every operator's chart. */}}

{{/* Values with images of what the operator runs, each with a repository. */}}
{{- define "etcd-operator.operandImages" -}}
["etcdImage"]
{{- end -}}

{{/* The operator's own part of its environment. */}}
{{- define "etcd-operator.environment" -}}
- name: DAVIT_ETCD_REPOSITORY
  value: {{ include "etcd-operator.repository" (list .Values.global .Values.etcdImage) | quote }}
- name: DAVIT_ETCD_FIXED_USER
  value: {{ ternary "false" "true" (eq (toString (.Values.members).fixedUser) "false") | quote }}
# Backups and restores are made by Jobs beside the members, in this same image.
- name: DAVIT_AGENT_IMAGE
  value: {{ include "etcd-operator.image" . | quote }}
- name: DAVIT_AGENT_PULL_SECRETS
  value: {{ include "etcd-operator.pullSecretNames" . | quote }}
{{- end -}}

{{/* The pull secrets by name, with commas between. */}}
{{- define "etcd-operator.pullSecretNames" -}}
{{- $names := list -}}
{{- range include "etcd-operator.imagePullSecrets" . | fromYamlArray -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- join "," $names -}}
{{- end -}}

{{/* What it uses beyond namespaces, with `scope: cluster` only. */}}
{{- define "etcd-operator.clusterRules" -}}
{{- end -}}

{{/* Ports beside http. */}}
{{- define "etcd-operator.ports" -}}
{{- end -}}

{{/* The client port of etcd. */}}
{{- define "etcd-operator.operandPort" -}}
2379
{{- end -}}
