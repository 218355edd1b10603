{{/* What the common templates leave to this chart; the others are the same in every operator's chart. */}}

{{/* Values with images of what the operator runs, each with a repository. */}}
{{- define "alertmanager-operator.operandImages" -}}
["alertmanagerImage"]
{{- end -}}

{{/* The operator's own part of its environment. */}}
{{- define "alertmanager-operator.environment" -}}
- name: DAVIT_ALERTMANAGER_REPOSITORY
  value: {{ include "alertmanager-operator.repository" (list .Values.global .Values.alertmanagerImage) | quote }}
{{ include "alertmanager-operator.surroundings" . }}
{{- end -}}

{{/* Where every Alertmanager serves. */}}
{{- define "alertmanager-operator.operandPort" -}}
9093
{{- end -}}
