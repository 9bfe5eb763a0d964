//! Labels by which GitOps tools find what they manage.
//!
//! Such a tool deletes what carries its label and is not in its repository. A user sets them for a whole directory, and so
//! they get into `spec.podLabels`; on a data volume they would cost the data.

/// Domains of such labels. Argo CD, Flux, Rancher Fleet, Carvel kapp, `kubectl apply --prune`, the add-on manager, kpt and
/// Config Sync, Helm.
const DOMAINS: [&str; 10] = [
    "argoproj.io",
    "fluxcd.io",
    "cattle.io",
    "k14s.io",
    "applyset.kubernetes.io",
    "addonmanager.kubernetes.io",
    "sigs.k8s.io",
    "config.k8s.io",
    "gke.io",
    "helm.sh",
];
/// Labels of other domains: Argo CD's default, and Helm's.
const LABELS: [&str; 2] = ["app.kubernetes.io/instance", "app.kubernetes.io/managed-by"];

/// Reports whether a label is one by which a tool finds what it manages.
#[must_use]
pub fn is_tracking(label: &str) -> bool {
    let domain = label.split_once('/').map_or("", |(domain, _)| domain);
    let is_in = |known: &str| {
        domain.strip_suffix(known).is_some_and(|below| below.is_empty() || below.ends_with('.'))
    };
    LABELS.contains(&label) || DOMAINS.into_iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_gitops_tools_are_told_from_others() {
        for label in [
            "argocd.argoproj.io/instance",
            "app.kubernetes.io/instance",
            "applications.argoproj.io/app-name",
            "kustomize.toolkit.fluxcd.io/name",
            "helm.toolkit.fluxcd.io/namespace",
            "fluxcd.io/sync-gc-mark",
            "objectset.rio.cattle.io/hash",
            "kapp.k14s.io/app",
            "applyset.kubernetes.io/part-of",
            "addonmanager.kubernetes.io/mode",
            "helm.sh/chart",
        ] {
            assert!(is_tracking(label), "{label}");
        }
        for label in [
            "team",
            "sei.io/node",
            "app.kubernetes.io/name",
            "app.kubernetes.io/component",
            "fluxcd.io",
            "notfluxcd.io/name",
            "example.com/fluxcd.io",
        ] {
            assert!(!is_tracking(label), "{label}");
        }
    }
}
