//! The endpoints that an API server may call, and the path of each.
//!
//! An endpoint is an entry of a webhook configuration (`charts/seinode-operator/templates`): its name is the entry's
//! name and the label `webhook` of metrics. A test holds that the chart and this list agree.

/// One endpoint: an entry of a webhook configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Labels SeiNodes.
    MutateSeiNode,
    /// Validates SeiNodes that are created or changed.
    ValidateSeiNode,
    /// Warns of what becomes of the volume of a SeiNode that is deleted; never denies.
    WarnSeiNodeDeletion,
    /// Makes StatefulSets of nodes OnDelete.
    MutateStatefulSet,
    /// Validates StatefulSets of nodes that are created or changed.
    ValidateStatefulSet,
    /// Warns that a StatefulSet that is deleted is created again; never denies.
    WarnStatefulSetDeletion,
    /// Validates `statefulsets/scale`.
    ValidateScale,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 7] = [
        Self::MutateSeiNode,
        Self::ValidateSeiNode,
        Self::WarnSeiNodeDeletion,
        Self::MutateStatefulSet,
        Self::ValidateStatefulSet,
        Self::WarnStatefulSetDeletion,
        Self::ValidateScale,
    ];

    /// Path of the endpoint's URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::MutateSeiNode => "/mutate/seinode",
            Self::ValidateSeiNode => "/validate/seinode",
            Self::WarnSeiNodeDeletion => "/warn/seinode",
            Self::MutateStatefulSet => "/mutate/statefulset",
            Self::ValidateStatefulSet => "/validate/statefulset",
            Self::WarnStatefulSetDeletion => "/warn/statefulset",
            Self::ValidateScale => "/validate/scale",
        }
    }

    /// Name of the endpoint's entry, and the label `webhook` of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MutateSeiNode => "mseinode.sei.io",
            Self::ValidateSeiNode => "vseinode.sei.io",
            Self::WarnSeiNodeDeletion => "dseinode.sei.io",
            Self::MutateStatefulSet => "mstatefulset.sei.io",
            Self::ValidateStatefulSet => "vstatefulset.sei.io",
            Self::WarnStatefulSetDeletion => "dstatefulset.sei.io",
            Self::ValidateScale => "vscale.statefulset.sei.io",
        }
    }

    /// The endpoint of a path.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }

    /// Kind of the object that a user has in mind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::MutateSeiNode | Self::ValidateSeiNode | Self::WarnSeiNodeDeletion => "SeiNode",
            Self::MutateStatefulSet
            | Self::ValidateStatefulSet
            | Self::WarnStatefulSetDeletion
            | Self::ValidateScale => "StatefulSet",
        }
    }

    /// Group, resource and subresource of the objects.
    #[must_use]
    pub const fn resource(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::MutateSeiNode | Self::ValidateSeiNode | Self::WarnSeiNodeDeletion => {
                ("sei.io", "seinodes", "")
            }
            Self::MutateStatefulSet | Self::ValidateStatefulSet | Self::WarnStatefulSetDeletion => {
                ("apps", "statefulsets", "")
            }
            Self::ValidateScale => ("apps", "statefulsets", "scale"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_found_by_its_exact_path() {
        for endpoint in Endpoint::ALL {
            assert_eq!(Endpoint::of(endpoint.path()), Some(endpoint));
        }
        for path in ["", "/", "/validate", "/validate/seinode/", "/VALIDATE/seinode"] {
            assert_eq!(Endpoint::of(path), None, "{path}");
        }
    }
}
