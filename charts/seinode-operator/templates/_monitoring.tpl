{{/* Fails where the cluster lacks the Prometheus operator's definitions: (list $ "prometheusRule"). Without a cluster, as with
`helm template`, they are taken for granted. */}}
{{- define "seinode-operator.requirePrometheusOperator" -}}
{{- $root := index . 0 -}}
{{- $installed := $root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1" -}}
{{- if and (not $installed) (lookup "v1" "Namespace" "" "kube-system") -}}
{{- fail (printf "monitoring.%s.enabled: this cluster has no monitoring.coreos.com/v1; install the Prometheus operator first, or set it to false" (index . 1)) -}}
{{- end -}}
{{- end }}
