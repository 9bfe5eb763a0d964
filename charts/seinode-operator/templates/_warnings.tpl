{{/* Settings that are allowed and likely a mistake, as a list. NOTES.txt prints them after the installation. */}}

{{- define "seinode-operator.warnings" -}}
{{- $warnings := list }}
{{- with .Values }}
{{- if eq (int .replicas) 0 }}
{{- $warnings = append $warnings "replicas is 0: no node is reconciled. Set replicas to 2." }}
{{- else if eq (int .replicas) 1 }}
{{- $warnings = append $warnings "There is one replica: while it is replaced or its machine is drained, no node is healed. Set replicas to 2." }}
{{- end }}
{{- if and (lt (int .replicas) 2) .admission.webhooks.enabled }}
{{- $warnings = append $warnings "While no replica is ready, no SeiNode can be created or changed, only paused and deleted. Set replicas to 2." }}
{{- end }}
{{- if not .admission.webhooks.enabled }}
{{- $warnings = append $warnings "admission.webhooks.enabled is false: errors in a SeiNode are reported in its status only, not when it is applied." }}
{{- end }}
{{- if not .admission.policy.enabled }}
{{- $warnings = append $warnings "admission.policy.enabled is false: nothing holds a node to one pod while the operator is down." }}
{{- end }}
{{- if not .rbac.create }}
{{- $warnings = append $warnings "rbac.create is false: grant the operator its rights yourself. docs/operations.md lists them." }}
{{- end }}
{{- if not .serviceAccount.create }}
{{- $warnings = append $warnings (printf "serviceAccount.create is false: the operator's pods start once the ServiceAccount %s exists." .serviceAccount.name) }}
{{- end }}
{{- if and (eq .image.tag "latest") (not .image.digest) }}
{{- $warnings = append $warnings "image.tag is latest: replicas may run different versions. Set a version or a digest." }}
{{- end }}
{{- if and .admission.namespaceSelector (not .selftest.namespace) }}
{{- $warnings = append $warnings "admission.namespaceSelector is set: set selftest.namespace to a namespace that it selects, or helm test tries one without admission." }}
{{- end }}
{{- if and .networkPolicy.enabled .hostNetwork }}
{{- $warnings = append $warnings "networkPolicy.enabled has no effect with hostNetwork." }}
{{- end }}
{{- end }}
{{- $warnings | toYaml }}
{{- end }}
