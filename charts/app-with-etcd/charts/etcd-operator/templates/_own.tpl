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
