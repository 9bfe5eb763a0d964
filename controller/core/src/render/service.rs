//! The headless Service of a node (crd-and-workload §4.1).

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{child, selector};
use crate::{intent::Intent, node::NodeRef, ports::PORTS};

/// The headless Service: it gives the pod its name in DNS, also while it is gated.
#[must_use]
pub fn service(node: &NodeRef, intent: &Intent) -> Service {
    let ports = PORTS.map(|(name, port)| ServicePort {
        name: Some(name.to_owned()),
        port,
        target_port: Some(IntOrString::Int(port)),
        protocol: Some("TCP".into()),
        app_protocol: (name == "grpc").then(|| "kubernetes.io/h2c".to_owned()),
        ..ServicePort::default()
    });
    Service {
        metadata: child(node, intent, node.name.clone()),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".into()),
            selector: Some(selector(node)),
            publish_not_ready_addresses: Some(true),
            ports: Some(ports.into()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
