{{/* Names, labels, image and rights of the operator. */}}

{{/* Labels that select the operator's pods. */}}
{{- define "seinode-operator.selectorLabels" -}}
app.kubernetes.io/name: seinode-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The chart's own labels, as a map: (dict "root" $ "name" … "component" …). An object of another name than the operator's
is selected by no Service and no policy of the operator's pods. */}}
{{- define "seinode-operator.ownLabels" -}}
app.kubernetes.io/name: {{ .name | default "seinode-operator" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: sei
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels of an object or a pod: (dict "root" $ "name" … "component" … "labels" …). Maps are merged, so no key comes twice:
the object's own labels win over commonLabels, and those over the chart's. */}}
{{- define "seinode-operator.labels" -}}
{{- $own := include "seinode-operator.ownLabels" . | fromYaml -}}
{{- mergeOverwrite $own .root.Values.commonLabels (.labels | default dict) | toYaml -}}
{{- end }}

{{/* Labels and annotations of an object: as above, and "annotations" …, which win over commonAnnotations. */}}
{{- define "seinode-operator.metadata" -}}
labels:
  {{- include "seinode-operator.labels" (merge (dict "component" (.component | default "operator")) .) | nindent 2 }}
{{- with merge dict (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The Secret of the webhooks' certificate authority; --webhook-certificate-secret. */}}
{{- define "seinode-operator.authoritySecret" -}}
{{ .Values.fullname }}-webhook-authority
{{- end }}

{{/* The operator's Lease. It has the original operator's name, so that the two exclude each other. */}}
{{- define "seinode-operator.leaseName" -}}
bc1f5b0a.sei.io
{{- end }}

{{- define "seinode-operator.image" -}}
{{- with .Values.image -}}
{{- $name := .repository -}}
{{- if .digest }}{{ $name }}@{{ .digest }}{{ else }}{{ $name }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Machines that the image runs on. */}}
{{- define "seinode-operator.platformAffinity" -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
    - matchExpressions:
      - {key: kubernetes.io/os, operator: In, values: [linux]}
      - {key: kubernetes.io/arch, operator: In, values: {{ .Values.image.architectures | toJson }}}
{{- end }}

{{/* The kinds of nodes whose data volumes outlive their SeiNodes; SEI_STORAGE_RETAIN. */}}
{{- define "seinode-operator.retained" -}}
{{- $kinds := list -}}
{{- range $kind, $retain := .Values.platform.storage.retain }}{{ if $retain }}{{ $kinds = append $kinds $kind }}{{ end }}{{ end -}}
{{ join "," $kinds | default "none" }}
{{- end }}

{{/* The user that the operator writes as. */}}
{{- define "seinode-operator.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ .Values.serviceAccount.name }}
{{- end }}

{{- define "seinode-operator.subject" -}}
- kind: ServiceAccount
  name: {{ .Values.serviceAccount.name }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* Rights to nodes and their children, in the namespaces that are served. */}}
{{- define "seinode-operator.nodeRules" -}}
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
  verbs: [get, list, watch, delete]
{{- if eq .Values.rbac.secrets.scope "all" }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- /* The reason why a pod cannot be made. */}}
- apiGroups: [""]
  resources: [events]
  verbs: [list]
{{- if .Values.rbac.ownerReferencesGuarded }}
{{- /* The API server itself checks these rights when an owner reference changes. */}}
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

{{/* The namespaces that admission covers: admission.namespaceSelector, else watchNamespaces, else all. */}}
{{- define "seinode-operator.namespaceSelector" -}}
{{- if .Values.admission.namespaceSelector -}}
{{ .Values.admission.namespaceSelector | toJson }}
{{- else if .Values.watchNamespaces -}}
{{- $in := dict "key" "kubernetes.io/metadata.name" "operator" "In" "values" .Values.watchNamespaces -}}
{{ dict "matchExpressions" (list $in) | toJson }}
{{- else -}}
{}
{{- end -}}
{{- end }}
