{{/* What no schema can see: values that contradict each other. All of them are told at once. */}}

{{- define "seinode-operator.contradictions" -}}
{{- $found := list }}
{{- with .Values }}
{{- if and (gt (int .replicas) 1) (not .leaderElection.enabled) }}
{{- $found = append $found "replicas: without leaderElection.enabled all replicas would work on every node; set replicas to 1, or leaderElection.enabled to true" }}
{{- end }}
{{- if ne (len (uniq (list (int .ports.metrics) (int .ports.health) (int .ports.webhooks)))) 3 }}
{{- $found = append $found "ports: two of them are the same; give metrics, health and webhooks one each" }}
{{- end }}
{{- with .admission.certificates }}
{{- if and (eq .source "file") (not .existingSecret) }}
{{- $found = append $found "admission.certificates.existingSecret: source is file, and no Secret is named; name the one that has tls.crt, tls.key and ca.crt" }}
{{- end }}
{{- if and (ne .source "file") .existingSecret }}
{{- $found = append $found (printf "admission.certificates.existingSecret: source is %s, which does not use it; set source to file, or leave it out" .source) }}
{{- end }}
{{- if and (eq .source "cert-manager") (not .issuerRef.name) }}
{{- $found = append $found "admission.certificates.issuerRef.name: source is cert-manager, and no issuer is named; name one" }}
{{- end }}
{{- if and (ne .source "cert-manager") .issuerRef.name }}
{{- $found = append $found (printf "admission.certificates.issuerRef: source is %s, which does not use it; set source to cert-manager, or leave it out" .source) }}
{{- end }}
{{- end }}
{{- range $value, $labels := dict "commonLabels" .commonLabels "podLabels" .podLabels }}
{{- range $label, $_ := $labels }}
{{- if or (hasPrefix "app.kubernetes.io/" $label) (eq $label "helm.sh/chart") }}
{{- $found = append $found (printf "%s: %s is the chart's own label; leave it out" $value $label) }}
{{- end }}
{{- if and (eq $value "podLabels") (hasKey $.Values.commonLabels $label) }}
{{- $found = append $found (printf "podLabels: %s is among commonLabels already; say it once" $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if $found }}
{{- fail (printf "\n  %s" (join "\n  " $found)) }}
{{- end }}
{{- end }}
