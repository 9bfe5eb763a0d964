{{/* What is allowed and likely not meant, as a list: NOTES.txt says it after an installation. */}}

{{- define "seinode-operator.warnings" -}}
{{- $found := list }}
{{- with .Values }}
{{- if eq (int .replicas) 0 }}
{{- $found = append $found "replicas is 0: no node is worked on. Set replicas to 2." }}
{{- else if eq (int .replicas) 1 }}
{{- $found = append $found "There is one replica: while it is replaced or its machine is drained, no node is healed. Set replicas to 2." }}
{{- end }}
{{- if and (lt (int .replicas) 2) .admission.webhooks.enabled }}
{{- $found = append $found "While no replica is ready, no SeiNode can be created or changed. Set replicas to 2." }}
{{- end }}
{{- if not .admission.webhooks.enabled }}
{{- $found = append $found "admission.webhooks.enabled is false: a wrong SeiNode is told in its status only, not when it is applied." }}
{{- end }}
{{- if not .admission.policy.enabled }}
{{- $found = append $found "admission.policy.enabled is false: nothing keeps the StatefulSets of nodes at one replica while the operator is down." }}
{{- end }}
{{- if not .rbac.create }}
{{- $found = append $found "rbac.create is false: grant the operator its rights yourself, as docs/operations.md lists them." }}
{{- end }}
{{- if not .serviceAccount.create }}
{{- $found = append $found (printf "serviceAccount.create is false: no pod of the operator starts before the ServiceAccount %s is there." .serviceAccount.name) }}
{{- end }}
{{- if and (eq .image.tag "latest") (not .image.digest) }}
{{- $found = append $found "image.tag is latest: replicas may run different versions. Name a version, or a digest." }}
{{- end }}
{{- if and .admission.namespaceSelector (not .selftest.namespace) }}
{{- $found = append $found "admission.namespaceSelector is set: say with selftest.namespace which namespace it selects, or helm test asks in one where nothing is judged." }}
{{- end }}
{{- end }}
{{- $found | toYaml }}
{{- end }}
