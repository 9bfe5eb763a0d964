{{/* Names and labels of what the operator itself consists of. */}}

{{- define "seinode-operator.selected" -}}
app.kubernetes.io/name: seinode-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "seinode-operator.labelled" -}}
{{ include "seinode-operator.selected" . }}
{{ include "seinode-operator.common" . }}
{{- end }}

{{- define "seinode-operator.common" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: sei
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels and annotations of an object, with its own: (dict "root" $ "component" … "labels" … "annotations" …). What is
named otherwise is selected by nothing that is for the operator's pods. */}}
{{- define "seinode-operator.described" -}}
labels:
  app.kubernetes.io/name: {{ .name | default "seinode-operator" }}
  app.kubernetes.io/instance: {{ .root.Release.Name }}
  app.kubernetes.io/component: {{ .component | default "operator" }}
  {{- include "seinode-operator.common" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge dict (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
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
