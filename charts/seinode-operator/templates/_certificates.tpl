{{/* Who looks after the webhooks' certificate: the operator itself, somebody with a Secret, or cert-manager. */}}

{{/* Not empty where the operator has an authority of its own. */}}
{{- define "seinode-operator.own-authority" -}}
{{- if and .Values.admission.webhooks.enabled (eq .Values.admission.certificates.source "self") }}yes{{ end -}}
{{- end }}

{{/* Not empty where the certificate comes in a Secret that others keep. */}}
{{- define "seinode-operator.given-certificate" -}}
{{- if and .Values.admission.webhooks.enabled (ne .Values.admission.certificates.source "self") }}yes{{ end -}}
{{- end }}

{{/* That Secret. */}}
{{- define "seinode-operator.certificate-secret" -}}
{{ .Values.admission.certificates.existingSecret | default (printf "%s-webhook-certificate" .Values.fullname) }}
{{- end }}

{{/* Where the operator has it. */}}
{{- define "seinode-operator.certificate-directory" -}}
/etc/seinode-operator/webhook
{{- end }}

{{/* Has cert-manager's cainjector put the authority into an object. */}}
{{- define "seinode-operator.injected" -}}
{{- if eq .Values.admission.certificates.source "cert-manager" -}}
cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ .Values.fullname }}-webhook
{{- end -}}
{{- end }}
