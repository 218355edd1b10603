{{/* What the common templates leave to this chart; the others are the same in every operator's chart. */}}

{{/* Values with images of what the operator runs, each with a repository. */}}
{{- define "prometheus-operator.operandImages" -}}
["prometheusImage", "thanosImage"]
{{- end -}}

{{/* The operator's own part of its environment. */}}
{{- define "prometheus-operator.environment" -}}
- name: DAVIT_PROMETHEUS_REPOSITORY
  value: {{ include "prometheus-operator.repository" (list .Values.global .Values.prometheusImage) | quote }}
- name: DAVIT_THANOS_REPOSITORY
  value: {{ include "prometheus-operator.repository" (list .Values.global .Values.thanosImage) | quote }}
{{ include "prometheus-operator.surroundings" . }}
{{- end -}}

{{/* Where every Prometheus serves. */}}
{{- define "prometheus-operator.operandPort" -}}
9090
{{- end -}}
