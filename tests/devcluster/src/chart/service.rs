//! Route from a chart's Service to a port on loopback.

use k8s_openapi::api::core::v1::Service;
use kube::Api;

use super::ChartError;
use crate::Cluster;

/// Has what the API server asks of the first port of a Service asked of this port on loopback, whatever the Service
/// selects.
///
/// # Errors
/// When there is no such Service, or it has no address of its own.
pub async fn serve(cluster: &Cluster, namespace: &str, name: &str, port: u16) -> Result<(), ChartError> {
    let services: Api<Service> = Api::namespaced(cluster.client(), namespace);
    let spec = services.get(name).await.map_err(ChartError::api(format!("Service {name}")))?.spec;
    let spec = spec.unwrap_or_default();
    let address = spec.cluster_ip.filter(|address| address != "None");
    let address = address.ok_or(ChartError::Incomplete("the cluster IP of a Service"))?;
    for its in spec.ports.iter().flatten().take(1).filter_map(|it| u16::try_from(it.port).ok()) {
        cluster.services().route(&address, its, port);
    }
    Ok(())
}
