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
{{- if not (.Values.etcdImage).repository -}}
{{- fail "etcdImage.repository: must be set" -}}
{{- end -}}
{{- end -}}
