//! The CustomResourceDefinition of SeiNode, as the API server gets it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::SeiNode;

/// The SeiNode CRD.
#[must_use]
pub fn seinode() -> CustomResourceDefinition {
    SeiNode::crd()
}
