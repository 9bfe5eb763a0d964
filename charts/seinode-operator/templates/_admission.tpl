{{/* What the entries of both webhook configurations have in common. Every field that the API server would default is
written out, or tools that compare would see a difference for ever. The caBundle is the operator's to write, or that of
cert-manager's cainjector. */}}

{{/* Where the API server asks: (dict "root" $ "path" "/validate/seinode"). */}}
{{- define "seinode-operator.asked" -}}
admissionReviewVersions: [v1]
sideEffects: None
matchPolicy: Equivalent
namespaceSelector: {{ include "seinode-operator.namespaces" .root }}
clientConfig:
  service:
    name: {{ .root.Values.fullname }}-webhook
    namespace: {{ .root.Release.Namespace }}
    port: {{ .root.Values.admission.webhooks.port }}
    path: {{ .path }}
{{- end }}

{{- define "seinode-operator.us" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ .Values.serviceAccount.name }}
{{- end }}

{{/* Conditions on SeiNodes: not those that are being deleted, not our own writes, and only what is judged. */}}
{{- define "seinode-operator.seinodes" -}}
objectSelector: {}
matchConditions:
- name: not-our-own-write
  expression: request.userInfo.username != '{{ include "seinode-operator.us" . }}'
- name: not-being-deleted
  expression: "!has(object.metadata.deletionTimestamp)"
- name: spec-or-our-labels-changed
  expression: >-
    request.operation == 'CREATE' || object.?spec != oldObject.?spec ||
    object.metadata.?labels.orValue({}).exists(name, name.startsWith('sei.io/') &&
    oldObject.metadata.?labels[?name].orValue('') != object.metadata.labels[name]) ||
    oldObject.metadata.?labels.orValue({}).exists(name, name.startsWith('sei.io/') &&
    !(name in object.metadata.?labels.orValue({})))
{{- end }}

{{/* Conditions on StatefulSets: those of nodes, and not what the operator and Kubernetes itself write. */}}
{{- define "seinode-operator.statefulsets" -}}
objectSelector:
  matchExpressions:
  - {key: sei.io/node, operator: Exists}
{{- end }}

{{- define "seinode-operator.by-people" -}}
{{- $us := include "seinode-operator.us" . -}}
{{- $users := concat (list $us "system:kube-controller-manager"
  "system:serviceaccount:kube-system:generic-garbage-collector"
  "system:serviceaccount:kube-system:namespace-controller"
  "system:serviceaccount:kube-system:statefulset-controller") .Values.admission.exemptUsers -}}
- name: not-the-machinery
  expression: "!(request.userInfo.username in ['{{ join "', '" $users }}'])"
{{- end }}

{{- define "seinode-operator.kept" -}}
- name: not-being-deleted
  expression: "!has(object.metadata.deletionTimestamp)"
{{- end }}

{{/* While the policy holds the hard rules, people can mend sets by hand when we are down. */}}
{{- define "seinode-operator.set-failure-policy" -}}
{{ ternary "Ignore" "Fail" .Values.admission.policy.enabled }}
{{- end }}
