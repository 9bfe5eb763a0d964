//! The operator of this checkout, running against the demo's control plane as the installed chart says.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::bail;
use devcluster::chart::Replica;
use devcluster::{Cluster, Process};
use kube::Client;

use crate::demo::screen::Voice;

/// How long the operator may take until its gates are open; it takes some hundred milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked.
const GLANCE: Duration = Duration::from_millis(25);
/// How many lines of its log a failure shows.
const TAIL: usize = 25;

/// A running operator. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Operator {
    process: Process,
}

impl Operator {
    /// Starts `binary` against `cluster`, as a replica of the Deployment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(binary: &Path, cluster: &Cluster, replica: &Replica) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command
            .args(&replica.arguments)
            // Nothing of the user's environment may change what the demo shows.
            .env_clear()
            .envs(replica.variables.iter().cloned())
            .env("KUBECONFIG", &replica.kubeconfig);
        Ok(Self { process: cluster.spawn("operator", command)? })
    }

    /// Waits until it listens for API servers; the port.
    ///
    /// # Errors
    /// When it ends, or takes too long.
    pub(crate) async fn webhook_port(&self) -> anyhow::Result<u16> {
        let begun = Instant::now();
        loop {
            if let Some(port) = self.url("webhooks").and_then(|url| url.rsplit(':').next()?.parse().ok()) {
                return Ok(port);
            }
            self.check(begun, "it does not listen yet")?;
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Waits until every gate of its readiness is open.
    ///
    /// # Errors
    /// When it ends, or takes too long.
    pub(crate) async fn ready(&self, voice: &Voice) -> anyhow::Result<()> {
        let begun = Instant::now();
        while let Err(shut) = self.gates().await {
            self.check(begun, &shut)?;
            voice.now(&format!("waiting: {shut}"));
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }

    /// Whether it is worth waiting longer.
    fn check(&self, begun: Instant, why: &str) -> anyhow::Result<()> {
        if let Some(status) = self.process.exited() {
            bail!("{}", self.ended(status));
        }
        if begun.elapsed() > PATIENCE {
            bail!("the operator is not ready after {} s ({why}); {}", PATIENCE.as_secs(), self.log_end());
        }
        Ok(())
    }

    /// Waits until it ends, which it should not; the words for that.
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

    /// Whether its readiness endpoint says yes; otherwise the first thing that it waits for.
    async fn gates(&self) -> Result<(), String> {
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
