{{/* Shared parts of the webhook configurations and of the policies. Every field that the API server would default is written
out, or tools that compare would see a difference for ever. The caBundle is written by the operator, or by cert-manager's
cainjector. */}}

{{/* Address and side effects of a webhook: (dict "root" $ "path" "/validate/seinode"). */}}
{{- define "seinode-operator.webhookEntry" -}}
admissionReviewVersions: [v1]
sideEffects: None
matchPolicy: Equivalent
namespaceSelector: {{ include "seinode-operator.namespaceSelector" .root }}
clientConfig:
  service:
    name: {{ .root.Values.fullname }}-webhook
    namespace: {{ .root.Release.Namespace }}
    port: {{ .root.Values.admission.webhooks.port }}
    path: {{ .path }}
{{- end }}

{{/* Conditions for SeiNodes: the spec or one of our labels changed, by somebody else, and the object stays. */}}
{{- define "seinode-operator.seiNodeChanged" -}}
- name: not-our-own-write
  expression: request.userInfo.username != '{{ include "seinode-operator.user" . }}'
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

{{/* CEL: the update sets spec.paused to true and changes nothing else that is validated. */}}
{{- define "seinode-operator.onlyPauses" -}}
request.operation == 'UPDATE' && object.?spec.?paused.orValue(false) == true && has(oldObject.spec) &&
object.spec.all(name, name == 'paused' || (name in oldObject.spec && object.spec[name] == oldObject.spec[name])) &&
oldObject.spec.all(name, name == 'paused' || name in object.spec) &&
object.metadata.?labels.orValue({}).all(name, !name.startsWith('sei.io/') ||
oldObject.metadata.?labels[?name].orValue('') == object.metadata.labels[name]) &&
oldObject.metadata.?labels.orValue({}).all(name, !name.startsWith('sei.io/') ||
name in object.metadata.?labels.orValue({}))
{{- end }}

{{/* CEL: a StatefulSet of a node. The selector tells, for it cannot be changed; a label can be taken off first. The label
tells as well, of a StatefulSet that selects by something else, and so does the label of its pods. */}}
{{- define "seinode-operator.isStatefulSetOfNode" -}}
[object, oldObject].exists(it, it != null && (
(has(it.spec.selector) && it.spec.selector != null && (
'sei.io/node' in it.spec.selector.?matchLabels.orValue({}) ||
it.spec.selector.?matchExpressions.orValue([]).exists(term, term.key == 'sei.io/node'))) ||
'sei.io/node' in it.spec.template.?metadata.?labels.orValue({}) ||
'sei.io/node' in it.metadata.?labels.orValue({})))
{{- end }}

{{/* The condition of webhooks and policies for StatefulSets of nodes. */}}
{{- define "seinode-operator.ofANode" -}}
- name: of-a-node
  expression: >-
    {{- include "seinode-operator.isStatefulSetOfNode" . | nindent 4 }}
{{- end }}

{{/* Users that are not validated, as a CEL list: the operator, the controllers of Kubernetes that touch owner references and
children, and admission.exemptUsers. */}}
{{- define "seinode-operator.exemptUsers" -}}
{{- $users := concat (list (include "seinode-operator.user" .) "system:kube-controller-manager"
  "system:serviceaccount:kube-system:generic-garbage-collector"
  "system:serviceaccount:kube-system:namespace-controller"
  "system:serviceaccount:kube-system:statefulset-controller") .Values.admission.exemptUsers -}}
['{{ join "', '" $users }}']
{{- end }}

{{- define "seinode-operator.notSystemUsers" -}}
- name: not-the-machinery
  expression: "!(request.userInfo.username in {{ include "seinode-operator.exemptUsers" . }})"
{{- end }}

{{- define "seinode-operator.notBeingDeleted" -}}
- name: not-being-deleted
  expression: "!has(object.metadata.deletionTimestamp)"
{{- end }}

{{/* Ignore where the policy holds the hard rules: people can then repair StatefulSets by hand while no operator is up. */}}
{{- define "seinode-operator.statefulSetFailurePolicy" -}}
{{ ternary "Ignore" "Fail" .Values.admission.policy.enabled }}
{{- end }}

{{/* The binding of a policy, in the namespaces that admission covers: (dict "root" $ "name" "statefulsets"). */}}
{{- define "seinode-operator.policyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .root.Values.fullname }}-{{ .name }}
  {{- include "seinode-operator.metadata" (dict "root" .root "component" "admission") | nindent 2 }}
spec:
  policyName: {{ .root.Values.fullname }}-{{ .name }}
  validationActions: [Deny]
  matchResources:
    matchPolicy: Equivalent
    namespaceSelector: {{ include "seinode-operator.namespaceSelector" .root }}
    objectSelector: {}
{{- end }}
