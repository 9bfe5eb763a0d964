{{/* What is for the Prometheus operator needs its definitions: (list $ "prometheusRule"). Without a cluster, as with
`helm template`, nobody knows whether they are there. */}}
{{- define "seinode-operator.monitored" -}}
{{- $root := index . 0 -}}
{{- $there := $root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1" -}}
{{- if and (not $there) (lookup "v1" "Namespace" "" "kube-system") -}}
{{- fail (printf "monitoring.%s.enabled: this cluster has no monitoring.coreos.com/v1; install the Prometheus operator first, or set it to false" (index . 1)) -}}
{{- end -}}
{{- end }}
