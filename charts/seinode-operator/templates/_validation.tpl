{{/* Contradictions between values, which the schema cannot see. All of them are reported at once. */}}

{{- define "seinode-operator.validation" -}}
{{- $errors := list }}
{{- with .Values }}
{{- if and (gt (int .replicas) 1) (not .leaderElection.enabled) }}
{{- $errors = append $errors "replicas: without leaderElection.enabled all replicas would work on every node; set replicas to 1, or leaderElection.enabled to true" }}
{{- end }}
{{- if ne (len (uniq (list (int .ports.metrics) (int .ports.health) (int .ports.webhooks)))) 3 }}
{{- $errors = append $errors "ports: two of them are the same; give metrics, health and webhooks one each" }}
{{- end }}
{{- if and .monitoring.metrics.secure (not .admission.webhooks.enabled) }}
{{- $errors = append $errors "monitoring.metrics.secure: the metrics would use the certificate of the webhooks, and admission.webhooks.enabled is false; set one of them otherwise" }}
{{- end }}
{{- if and .monitoring.metrics.readers (not .monitoring.metrics.secure) }}
{{- $errors = append $errors "monitoring.metrics.readers: the metrics are open to everybody; set secure to true, or leave readers out" }}
{{- end }}
{{- if and .admission.webhooks.clientCA.configMap (not .admission.webhooks.enabled) }}
{{- $errors = append $errors "admission.webhooks.clientCA.configMap: there are no webhooks that clients could call; set admission.webhooks.enabled to true, or leave it out" }}
{{- end }}
{{- with .admission.certificates }}
{{- if and (eq .source "file") (not .existingSecret) }}
{{- $errors = append $errors "admission.certificates.existingSecret: source is file, and no Secret is named; name the one that has tls.crt, tls.key and ca.crt" }}
{{- end }}
{{- if and (ne .source "file") .existingSecret }}
{{- $errors = append $errors (printf "admission.certificates.existingSecret: source is %s, which does not use it; set source to file, or leave it out" .source) }}
{{- end }}
{{- if and (eq .source "cert-manager") (not .issuerRef.name) }}
{{- $errors = append $errors "admission.certificates.issuerRef.name: source is cert-manager, and no issuer is named; name one" }}
{{- end }}
{{- if and (ne .source "cert-manager") .issuerRef.name }}
{{- $errors = append $errors (printf "admission.certificates.issuerRef: source is %s, which does not use it; set source to cert-manager, or leave it out" .source) }}
{{- end }}
{{- end }}
{{- range $value, $labels := dict "commonLabels" .commonLabels "podLabels" .podLabels }}
{{- range $label, $_ := $labels }}
{{- if or (hasPrefix "app.kubernetes.io/" $label) (eq $label "helm.sh/chart") }}
{{- $errors = append $errors (printf "%s: %s is the chart's own label; leave it out" $value $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .rbac.secrets }}
{{- if and (eq .scope "namespaces") (not .namespaces) }}
{{- $errors = append $errors "rbac.secrets.namespaces: scope is namespaces, and none is named; name those that have validators" }}
{{- end }}
{{- if and (ne .scope "namespaces") .namespaces }}
{{- $errors = append $errors (printf "rbac.secrets.namespaces: scope is %s, which does not use them; set scope to namespaces, or leave them out" .scope) }}
{{- end }}
{{- range $namespace, $_ := .namespaces }}
{{- if and $.Values.watchNamespaces (not (has $namespace $.Values.watchNamespaces)) }}
{{- $errors = append $errors (printf "rbac.secrets.namespaces: %s is not among watchNamespaces; add it there, or leave it out" $namespace) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .networkPolicy.nodes.enabled (not (.networkPolicy.nodes.namespaces | default .watchNamespaces)) }}
{{- $errors = append $errors "networkPolicy.nodes.namespaces: a NetworkPolicy is of one namespace, and none is named; name those that have SeiNodes" }}
{{- end }}
{{- $own := list "POD_NAME" "POD_NAMESPACE" }}
{{- range .extraEnv }}
{{- if or (has .name $own) (hasPrefix "SEI_" .name) (and (eq .name "RUST_LOG") $.Values.log.filter) }}
{{- $errors = append $errors (printf "extraEnv: the chart sets %s from other values; leave it out" .name) }}
{{- end }}
{{- end }}
{{- $flags := list "--log-format" "--metrics-bind-address" "--health-probe-bind-address" "--leader-elect" "--max-concurrent-reconciles"
  "--max-concurrent-rollouts" "--max-unavailable-per-chain" "--rollout-settle" "--sidecar-probe-interval" "--sidecar-url-template" "--watch-namespace" "--webhook-bind-address"
  "--webhook-names" "--webhook-certificate-secret" "--webhook-certificate-directory" "--webhook-ca-bundle" "--disable-webhooks"
  "--metrics-secure" "--webhook-client-ca"
  "--mutating-webhook-configuration" "--validating-webhook-configuration" }}
{{- range .extraArgs }}
{{- if has (splitList "=" . | first) $flags }}
{{- $errors = append $errors (printf "extraArgs: the chart sets %s from other values; leave it out" (splitList "=" . | first)) }}
{{- end }}
{{- end }}
{{- range .extraVolumes }}
{{- if has .name (list "certificate" "clients") }}
{{- $errors = append $errors (printf "extraVolumes: %s is the chart's own volume; choose another name" .name) }}
{{- end }}
{{- end }}
{{- if and .hostNetwork (eq (len (uniq (list (int .ports.metrics) (int .ports.health) (int .ports.webhooks) 10250))) 3) }}
{{- $errors = append $errors "ports: with hostNetwork the kubelet has 10250 already; choose another port" }}
{{- end }}
{{- end }}
{{- range include "seinode-operator.overlaps" . | fromYamlArray }}
{{- $errors = append $errors . }}
{{- end }}
{{- if $errors }}
{{- fail (printf "\n  %s" (join "\n  " $errors)) }}
{{- end }}
{{- end }}

{{/* Other releases that would work on the same nodes, as a list of errors. Releases in one namespace share a Lease, so only one
of them works at a time. Without a cluster, as with `helm template`, none is known. */}}
{{- define "seinode-operator.overlaps" -}}
{{- $errors := list }}
{{- if .Values.rbac.create }}
{{- $advice := "two operators would work on the same nodes; uninstall one, or give each its own watchNamespaces" }}
{{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "").items }}
{{- $servesAll := false }}
{{- range .rules }}
{{- if has "seinodes/status" (.resources | default list) }}{{ if has "update" .verbs }}{{ $servesAll = true }}{{ end }}{{ end }}
{{- end }}
{{- if and $servesAll (include "seinode-operator.isOther" (list $ .)) }}
{{- $errors = append $errors (printf "watchNamespaces: release %s serves all namespaces: %s" (include "seinode-operator.releaseOf" .) $advice) }}
{{- end }}
{{- end }}
{{- range $namespace := .Values.watchNamespaces | default (list "") }}
{{- range (lookup "rbac.authorization.k8s.io/v1" "Role" $namespace "").items }}
{{- if and (hasSuffix "-nodes" .metadata.name) (include "seinode-operator.isOther" (list $ .)) }}
{{- $errors = append $errors (printf "watchNamespaces: release %s serves namespace %s: %s" (include "seinode-operator.releaseOf" .) .metadata.namespace $advice) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- uniq $errors | toYaml }}
{{- end }}

{{/* Not empty if an object belongs to an operator of another release, in another namespace: (list $ OBJECT). */}}
{{- define "seinode-operator.isOther" -}}
{{- $root := index . 0 -}}
{{- $metadata := (index . 1).metadata -}}
{{- $namespace := get ($metadata.annotations | default dict) "meta.helm.sh/release-namespace" -}}
{{- $ours := or (has $metadata.name (list $root.Values.fullname (printf "%s-nodes" $root.Values.fullname))) (eq $namespace $root.Release.Namespace) -}}
{{- if and (eq (get ($metadata.labels | default dict) "app.kubernetes.io/name") "seinode-operator") (not $ours) -}}yes{{- end -}}
{{- end }}

{{/* Release and namespace of an object, as Helm notes them. */}}
{{- define "seinode-operator.releaseOf" -}}
{{- $annotations := .metadata.annotations | default dict -}}
{{ get $annotations "meta.helm.sh/release-name" | default .metadata.name }} in namespace {{ get $annotations "meta.helm.sh/release-namespace" | default "unknown" }}
{{- end }}
