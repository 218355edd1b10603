{{/* What the operator is told of the objects around it, and which resources are its own. */}}
{{- define "prometheus-operator.surroundings" -}}
- name: DAVIT_INSTANCE_SELECTOR
  value: {{ .Values.instanceSelector | default "" | quote }}
- name: DAVIT_DEPLOYMENT
  value: {{ include "prometheus-operator.fullname" . }}
{{- if (.Values.admission).enabled }}
- name: DAVIT_WEBHOOK_PORT
  value: "9443"
- name: DAVIT_WEBHOOK_SERVICE
  value: {{ include "prometheus-operator.webhookName" . }}
- name: DAVIT_WEBHOOK_SECRET
  value: {{ include "prometheus-operator.webhookName" . }}
- name: DAVIT_WEBHOOK_CONFIGURATION
  value: {{ include "prometheus-operator.clusterName" (list . "-admission") }}
# The ClusterRole with which the last two go; there is none where an administrator gives the rights.
- name: DAVIT_WEBHOOK_OWNER
  value: {{ ternary (include "prometheus-operator.clusterName" (list . "-admission")) "" (eq (toString (.Values.rbac).create) "true") | quote }}
{{- end }}
{{- end -}}

{{/* Of the Service in front of the webhook, and of the Secret with its keys, which the operator makes. */}}
{{- define "prometheus-operator.webhookName" -}}
{{- include "prometheus-operator.fullname" . }}-webhook
{{- end -}}

{{/* Ports beside http. */}}
{{- define "prometheus-operator.ports" -}}
{{- if (.Values.admission).enabled -}}
- name: webhook
  containerPort: 9443
  protocol: TCP
{{- end -}}
{{- end -}}
