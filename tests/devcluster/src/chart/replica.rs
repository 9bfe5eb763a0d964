//! Command of an installed Deployment's container, for a process on this machine.

use std::path::PathBuf;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{EnvVar, PodSpec};
use kube::Api;

use super::{ChartError, mounts};
use crate::Cluster;

/// One replica: what a kubelet would give its container.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Arguments.
    pub arguments: Vec<String>,
    /// Environment: all of it.
    pub variables: Vec<(String, String)>,
    /// Identity for the API server: the Deployment's ServiceAccount.
    pub kubeconfig: PathBuf,
}

impl Replica {
    /// As this Deployment says, for the pod with this name. `flags` are arguments with a value of this machine.
    ///
    /// # Errors
    /// When the API server does not give the Deployment or a token of its account, or the Deployment wants something that
    /// is not played here.
    pub async fn of(
        cluster: &Cluster,
        namespace: &str,
        deployment: &str,
        pod: &str,
        flags: &[(&str, &str)],
    ) -> Result<Self, ChartError> {
        let deployments: Api<Deployment> = Api::namespaced(cluster.client(), namespace);
        let found = deployments.get(deployment).await.map_err(ChartError::api("Deployment"))?;
        let spec = found.spec.and_then(|spec| spec.template.spec);
        let spec = spec.ok_or(ChartError::Incomplete("a pod"))?;
        let account = spec.service_account_name.clone().ok_or(ChartError::Incomplete("an account"))?;
        let kubeconfig = cluster.kubeconfig_for_account(namespace, &account).await?;
        let (arguments, variables) = started(&spec, namespace, pod, flags)?;
        let mounts = mounts::of(cluster, namespace, pod, &spec).await?;
        let arguments = arguments.iter().map(|it| mounts::here(it, &mounts)).collect();
        Ok(Self { arguments, variables, kubeconfig })
    }
}

type Started = (Vec<String>, Vec<(String, String)>);

fn started(
    spec: &PodSpec,
    namespace: &str,
    pod: &str,
    flags: &[(&str, &str)],
) -> Result<Started, ChartError> {
    let [container] = &spec.containers[..] else { return Err(ChartError::Incomplete("its one container")) };
    let value = |variable: &EnvVar| {
        let from = variable.value_from.as_ref();
        let field = from.map(|from| from.field_ref.as_ref().map_or("", |field| field.field_path.as_str()));
        let value = match field {
            None => variable.value.clone().unwrap_or_default(),
            Some("metadata.name") => pod.to_owned(),
            Some("metadata.namespace") => namespace.to_owned(),
            Some(_) => return Err(ChartError::Unplayed(variable.name.clone())),
        };
        Ok((variable.name.clone(), value))
    };
    let variables = container.env.iter().flatten().map(value).collect::<Result<_, _>>()?;
    Ok((container.args.iter().flatten().map(|argument| here(argument, flags)).collect(), variables))
}

/// An argument for a process on this machine: it listens on loopback, on a port of the system's choice.
fn here(argument: &str, flags: &[(&str, &str)]) -> String {
    let flag = argument.split('=').next().unwrap_or_default();
    match flags.iter().find(|(name, _)| *name == flag) {
        Some((_, value)) => format!("{flag}={value}"),
        None if flag.ends_with("-bind-address") => format!("{flag}=127.0.0.1:0"),
        None => argument.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(variable: &Value) -> Result<Started, ChartError> {
        let spec = json!({"containers": [{"name": "operator", "env": [variable],
            "args": ["run", "--leader-elect=true", "--url=http://a", "--webhook-bind-address=:10250"]}]});
        started(
            &serde_json::from_value(spec).unwrap(),
            "system",
            "operator-a",
            &[("--url", "http://127.0.0.1:9")],
        )
    }

    #[test]
    fn all_is_as_told_but_for_addresses() {
        let field = |path: &str| json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": path}}});
        let (arguments, variables) = of(&field("metadata.namespace")).unwrap();
        let here = ["--url=http://127.0.0.1:9", "--webhook-bind-address=127.0.0.1:0"];
        assert_eq!(arguments, [&["run", "--leader-elect=true"], &here[..]].concat());
        assert_eq!(variables, [("A".to_owned(), "system".to_owned())]);
        let message = of(&field("status.hostIP")).unwrap_err().to_string();
        assert!(message.starts_with("A: nothing plays that"), "{message}");
    }
}
