{{/* The webhooks' certificate comes from the operator's own authority, from a Secret, or from cert-manager. */}}

{{/* Not empty if the operator has an authority of its own. */}}
{{- define "seinode-operator.ownAuthority" -}}
{{- if and .Values.admission.webhooks.enabled (eq .Values.admission.certificates.source "self") }}yes{{ end -}}
{{- end }}

{{/* Not empty if the certificate is mounted from a Secret. */}}
{{- define "seinode-operator.mountedCertificate" -}}
{{- if and .Values.admission.webhooks.enabled (ne .Values.admission.certificates.source "self") }}yes{{ end -}}
{{- end }}

{{/* Name of that Secret. */}}
{{- define "seinode-operator.certificateSecret" -}}
{{ .Values.admission.certificates.existingSecret | default (printf "%s-webhook-certificate" .Values.fullname) }}
{{- end }}

{{/* Where it is mounted. */}}
{{- define "seinode-operator.certificateDirectory" -}}
/etc/seinode-operator/webhook
{{- end }}

{{/* Where the authority of the webhooks' clients is mounted. */}}
{{- define "seinode-operator.clientDirectory" -}}
/etc/seinode-operator/clients
{{- end }}

{{/* Name of the webhooks' certificate, which secure metrics present, too. */}}
{{- define "seinode-operator.certificateName" -}}
{{ .Values.fullname }}-webhook.{{ .Release.Namespace }}.svc
{{- end }}

{{/* The Secret with the authority of that certificate, and its key there, as a map. */}}
{{- define "seinode-operator.authoritySource" -}}
{{- if include "seinode-operator.ownAuthority" . -}}
{name: {{ include "seinode-operator.authoritySecret" . }}, key: tls.crt}
{{- else -}}
{name: {{ include "seinode-operator.certificateSecret" . }}, key: ca.crt}
{{- end -}}
{{- end }}

{{/* The annotation by which cert-manager's cainjector writes the caBundle of an object. */}}
{{- define "seinode-operator.caInjection" -}}
{{- if eq .Values.admission.certificates.source "cert-manager" -}}
cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ .Values.fullname }}-webhook
{{- end -}}
{{- end }}
