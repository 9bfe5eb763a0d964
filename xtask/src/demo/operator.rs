//! The operator of this checkout, running on the demo's control plane with the command of the installed chart.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::bail;
use devcluster::chart::{self, Replica};
use devcluster::wait::{TimedOut, until};
use devcluster::{Cluster, Process};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use sidecar_sim::Sidecars;
use xtask::release::{NAME, NAMESPACE};

use crate::demo::screen::Voice;

/// Time limit for the operator to be ready; usual are some hundred milliseconds.
const LIMIT: Duration = Duration::from_secs(30);
/// Log lines in a failure.
const TAIL: usize = 25;

/// A running operator. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Operator {
    process: Process,
}

impl Operator {
    /// Starts `binary` in place of the container of the Deployment's pod.
    ///
    /// # Errors
    /// When there is no pod, the Deployment wants something that is not simulated, or the process does not start.
    pub(crate) async fn start(binary: &Path, cluster: &Cluster, sidecars: &Sidecars) -> anyhow::Result<Self> {
        let pods: Api<Pod> = Api::namespaced(cluster.client(), NAMESPACE);
        let ours = ListParams::default().labels(&format!("app.kubernetes.io/instance={NAME}"));
        let pod = until("the Deployment has a pod", LIMIT, async || {
            let found = pods.list(&ours).await.map_err(|error| error.to_string())?.items.pop();
            found.map(|pod| pod.name_any()).ok_or_else(|| "none".to_owned())
        });
        let sidecars = [("--sidecar-url-template", &*sidecars.url_template())];
        let replica = Replica::of(cluster, NAMESPACE, NAME, &pod.await?, &sidecars).await?;
        let mut command = Command::new(binary);
        command
            .args(&replica.arguments)
            // Nothing of the user's environment may change what the demo shows.
            .env_clear()
            .envs(replica.variables)
            .env("KUBECONFIG", replica.kubeconfig);
        Ok(Self { process: cluster.spawn("operator", command)? })
    }

    /// Routes the webhooks' Service to the operator, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or takes too long.
    pub(crate) async fn ready(&self, cluster: &Cluster, voice: &Voice) -> anyhow::Result<()> {
        let port = until("the operator listens", LIMIT, async || {
            let port = self.url("webhooks").and_then(|url| url.rsplit(':').next()?.parse().ok());
            port.ok_or_else(|| "no line in its log".to_owned())
        });
        let port = self.unless_ended(port).await?;
        chart::serve(cluster, NAMESPACE, &format!("{NAME}-webhook"), port).await?;
        let ready = until("the operator is ready", LIMIT, async || {
            self.readiness().await.inspect_err(|reason| voice.now(&format!("waiting: {reason}")))
        });
        self.unless_ended(ready).await
    }

    async fn unless_ended<T>(&self, work: impl Future<Output = Result<T, TimedOut>>) -> anyhow::Result<T> {
        tokio::select! {
            outcome = work => match outcome {
                Ok(value) => Ok(value),
                Err(error) => bail!("{error}; {}", self.log_end()),
            },
            message = self.end() => bail!(message),
        }
    }

    /// Waits until the operator ends, which it should not; the message for that.
    pub(crate) async fn end(&self) -> String {
        self.ended(self.process.wait().await)
    }

    /// Base URL of its endpoint `health` or `metrics`.
    pub(crate) fn url(&self, endpoint: &str) -> Option<String> {
        let log = std::fs::read_to_string(self.process.log()).unwrap_or_default();
        log.lines().find_map(|line| address(line, endpoint)).map(|address| format!("http://{address}"))
    }

    /// Its log file.
    pub(crate) fn log(&self) -> &Path {
        self.process.log()
    }

    /// The end of its log, introduced.
    pub(crate) fn log_end(&self) -> String {
        format!("the end of the operator's log:\n{}", self.process.last_lines(TAIL))
    }

    fn ended(&self, status: ExitStatus) -> String {
        format!("the operator has ended ({status}); {}", self.log_end())
    }

    /// Fetches its readiness; the error says what it waits for.
    async fn readiness(&self) -> Result<(), String> {
        let url = self.url("health").ok_or("it does not listen yet")?;
        let config = kube::Config::new(url.parse().map_err(|_| "its address is no URL")?);
        let client = Client::try_from(config).map_err(|error| error.to_string())?;
        let request = http::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
        client
            .request_text(request)
            .await
            .map(drop)
            .map_err(|_| "not everything is listed, or its webhooks cannot be called yet".into())
    }
}

/// The address in a log line that says that an endpoint listens.
fn address<'a>(line: &'a str, endpoint: &str) -> Option<&'a str> {
    let says = line.contains("listening") && line.contains(&format!("endpoint=\"{endpoint}\""));
    line.split_once("address=").filter(|_| says)?.1.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_found_in_the_log() {
        let line = r#"2026-11-21T03:00:00.1Z  INFO seinode_operator::admin: listening endpoint="health" address=127.0.0.1:4711"#;
        assert_eq!(address(line, "health"), Some("127.0.0.1:4711"));
        assert_eq!(address(line, "metrics"), None);
        assert_eq!(address("INFO stopped address=127.0.0.1:4711", "health"), None);
    }
}
