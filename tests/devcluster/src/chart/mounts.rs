//! Secrets as files, where a kubelet would mount them into the container of a replica.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{PodSpec, Secret};
use kube::Api;

use super::ChartError;
use crate::Cluster;

/// Paths in the container, and where on this machine their content is.
pub(super) type Mounts = BTreeMap<String, PathBuf>;

/// Writes the Secrets that a pod mounts into a directory of the cluster, a new one for each pod.
///
/// # Errors
/// When a Secret is missing, as a kubelet would wait for it; when a file cannot be written; when something else than a
/// Secret is mounted.
pub(super) async fn of(
    cluster: &Cluster,
    namespace: &str,
    pod: &str,
    spec: &PodSpec,
) -> Result<Mounts, ChartError> {
    let mut mounts = Mounts::new();
    for mount in spec.containers.iter().flat_map(|it| it.volume_mounts.iter().flatten()) {
        let volume = spec.volumes.iter().flatten().find(|it| it.name == mount.name);
        let secret = volume.and_then(|it| it.secret.as_ref()?.secret_name.as_deref());
        let name = secret.ok_or_else(|| ChartError::Unplayed(mount.name.clone()))?;
        let directory = cluster.dir().join("mounts").join(pod).join(&mount.name);
        let secrets: Api<Secret> = Api::namespaced(cluster.client(), namespace);
        let secret = secrets.get(name).await.map_err(ChartError::api(format!("Secret {name}")))?;
        std::fs::create_dir_all(&directory)?;
        for (file, content) in secret.data.into_iter().flatten() {
            std::fs::write(directory.join(file), content.0)?;
        }
        mounts.insert(mount.mount_path.clone(), directory);
    }
    Ok(mounts)
}

/// An argument with paths of this machine in the place of those of the container.
pub(super) fn here(argument: &str, mounts: &Mounts) -> String {
    let Some((flag, value)) = argument.split_once('=') else { return argument.to_owned() };
    let path = Path::new(value);
    let moved = mounts.iter().find_map(|(from, to)| Some(to.join(path.strip_prefix(from).ok()?)));
    moved.map_or_else(|| argument.to_owned(), |path| format!("{flag}={}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_a_mount_is_moved() {
        let mounts = Mounts::from([("/etc/certs".to_owned(), PathBuf::from("/tmp/x"))]);
        assert_eq!(here("--bundle=/etc/certs/ca.crt", &mounts), "--bundle=/tmp/x/ca.crt");
        assert_eq!(here("--other=/etc/certs2/a", &mounts), "--other=/etc/certs2/a");
        assert_eq!(here("run", &mounts), "run");
    }
}
