{{/* Names and labels of what the operator itself consists of. */}}

{{- define "seinode-operator.selected" -}}
app.kubernetes.io/name: seinode-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "seinode-operator.labelled" -}}
{{ include "seinode-operator.selected" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: sei
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The Secret of the webhooks' authority; --webhook-certificate-secret. */}}
{{- define "seinode-operator.authority" -}}
{{ .Values.fullname }}-webhook-authority
{{- end }}

{{/* The operator's Lease: the original operator's, so that the two keep each other out. */}}
{{- define "seinode-operator.lease" -}}
bc1f5b0a.sei.io
{{- end }}

{{- define "seinode-operator.image" -}}
{{- with .Values.image -}}
{{- $name := .repository -}}
{{- if .digest }}{{ $name }}@{{ .digest }}{{ else }}{{ $name }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{/* What it needs for nodes, in the namespaces that it serves. */}}
{{- define "seinode-operator.node-rules" -}}
- apiGroups: [sei.io]
  resources: [seinodes]
  verbs: [get, list, watch, patch]
- apiGroups: [sei.io]
  resources: [seinodes/status]
  verbs: [update]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.rbac.ownerReferencesGuarded }}
{{- /* Asked by the API server itself when an owner reference changes. */}}
- apiGroups: [sei.io]
  resources: [seinodes/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [delete]
{{- end }}
{{- end }}

{{- define "seinode-operator.subject" -}}
- kind: ServiceAccount
  name: {{ .Values.serviceAccount.name }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* Whose objects admission judges: as the values say, else in the namespaces that are served. */}}
{{- define "seinode-operator.namespaces" -}}
{{- if .Values.admission.namespaceSelector -}}
{{ .Values.admission.namespaceSelector | toJson }}
{{- else if .Values.watchNamespaces -}}
{{- $in := dict "key" "kubernetes.io/metadata.name" "operator" "In" "values" .Values.watchNamespaces -}}
{{ dict "matchExpressions" (list $in) | toJson }}
{{- else -}}
{}
{{- end -}}
{{- end }}
