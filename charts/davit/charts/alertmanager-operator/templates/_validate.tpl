{{- /* A copy from charts/etcd-operator by `python -m ci.generate`: edit that. */}}
{{/* What the schema can't say: rules over several values. Each message starts with the value's path. */}}
{{- define "alertmanager-operator.validate" -}}
{{- if and (eq (include "alertmanager-operator.scope" .) "namespaces") (not .Values.namespaces) -}}
{{- fail "namespaces: must list at least one namespace when scope is namespaces" -}}
{{- end -}}
{{- if and (ne (include "alertmanager-operator.scope" .) "namespaces") .Values.namespaces -}}
{{- fail (printf "namespaces: has an effect only when scope is namespaces, and it is %s" (include "alertmanager-operator.scope" .)) -}}
{{- end -}}
{{- if not (.Values.image).repository -}}
{{- fail "image.repository: must be set" -}}
{{- end -}}
{{- range $name := include "alertmanager-operator.operandImages" . | fromJsonArray -}}
{{- if not (index $.Values $name | default dict).repository -}}
{{- fail (printf "%s.repository: must be set" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
