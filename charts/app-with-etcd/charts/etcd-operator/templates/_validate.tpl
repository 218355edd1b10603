{{/* What the schema can't say: rules over several values. Each message starts with the value's path. */}}
{{- define "etcd-operator.validate" -}}
{{- if and (eq (include "etcd-operator.scope" .) "namespaces") (not .Values.namespaces) -}}
{{- fail "namespaces: must list at least one namespace when scope is namespaces" -}}
{{- end -}}
{{- if and (ne (include "etcd-operator.scope" .) "namespaces") .Values.namespaces -}}
{{- fail (printf "namespaces: has an effect only when scope is namespaces, and it is %s" (include "etcd-operator.scope" .)) -}}
{{- end -}}
{{- if not (.Values.image).repository -}}
{{- fail "image.repository: must be set" -}}
{{- end -}}
{{- range $name := include "etcd-operator.operandImages" . | fromJsonArray -}}
{{- if not (index $.Values $name | default dict).repository -}}
{{- fail (printf "%s.repository: must be set" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
