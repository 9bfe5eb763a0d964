//! Secrets and ConfigMaps as files, where a kubelet would mount them into the container of a replica.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{ConfigMap, PodSpec, Secret, Volume};
use kube::Api;

use super::ChartError;
use crate::Cluster;

/// Paths in the container, and where on this machine their content is.
pub(super) type Mounts = BTreeMap<String, PathBuf>;

/// Writes the Secrets and ConfigMaps that a pod mounts into a directory of the cluster, a new one for each pod.
///
/// # Errors
/// When one is missing, as a kubelet would wait for it; when a file cannot be written; when something else is mounted.
pub(super) async fn of(
    cluster: &Cluster,
    namespace: &str,
    pod: &str,
    spec: &PodSpec,
) -> Result<Mounts, ChartError> {
    let mut mounts = Mounts::new();
    for mount in spec.containers.iter().flat_map(|it| it.volume_mounts.iter().flatten()) {
        let volume = spec.volumes.iter().flatten().find(|it| it.name == mount.name);
        let volume = volume.ok_or_else(|| ChartError::Unplayed(mount.name.clone()))?;
        let directory = cluster.dir().join("mounts").join(pod).join(&mount.name);
        std::fs::create_dir_all(&directory)?;
        for (file, content) in content(cluster, namespace, volume).await? {
            std::fs::write(directory.join(file), content)?;
        }
        mounts.insert(mount.mount_path.clone(), directory);
    }
    Ok(mounts)
}

/// The files of a volume, by name.
async fn content(
    cluster: &Cluster,
    namespace: &str,
    volume: &Volume,
) -> Result<BTreeMap<String, Vec<u8>>, ChartError> {
    let (data, items) = match (&volume.secret, &volume.config_map) {
        (Some(source), _) => {
            let name = source.secret_name.clone().unwrap_or_default();
            let secrets: Api<Secret> = Api::namespaced(cluster.client(), namespace);
            let secret = secrets.get(&name).await.map_err(ChartError::api(format!("Secret {name}")))?;
            let data = secret.data.into_iter().flatten().map(|(key, bytes)| (key, bytes.0));
            (data.collect::<BTreeMap<_, _>>(), source.items.clone())
        }
        (None, Some(source)) => {
            let name = source.name.clone();
            let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace);
            let map = maps.get(&name).await.map_err(ChartError::api(format!("ConfigMap {name}")))?;
            let data = map.data.into_iter().flatten().map(|(key, text)| (key, text.into_bytes()));
            (data.collect(), source.items.clone())
        }
        (None, None) => return Err(ChartError::Unplayed(volume.name.clone())),
    };
    let Some(items) = items else { return Ok(data) };
    let picked = items.into_iter().map(|item| match data.get(&item.key) {
        Some(content) => Ok((item.path, content.clone())),
        None => Err(ChartError::Unplayed(format!("{}: key {} of nothing", volume.name, item.key))),
    });
    picked.collect()
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
