//! The real operator binary, running against a cluster.

use std::{
    path::Path,
    process::{Command, ExitStatus},
    sync::atomic::{AtomicU32, Ordering},
};

use devcluster::{Process, chart::Replica};
use serde_json::Value;
use xtask::platform::PLATFORM;

use super::{World, eventually, within};

const NO_WEBHOOKS: &str = "--disable-webhooks";
const UNAVAILABLE: &str = "--max-unavailable-per-chain";

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A running operator. Dropping it kills it.
pub struct Operator {
    process: Process,
}

impl Operator {
    /// Starts an operator with these further arguments.
    pub fn start(world: &World, kubeconfig: &Path, arguments: &[&str]) -> Self {
        Self::with_sidecars(world, kubeconfig, &world.sidecars.url_template(), arguments)
    }

    /// Starts an operator that serves webhooks as these arguments and settings say.
    pub fn with_webhooks(
        world: &World,
        kubeconfig: &Path,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Self {
        let port = "--webhook-bind-address=127.0.0.1:0";
        Self::spawn(world, kubeconfig, &world.sidecars.url_template(), arguments, settings, port)
    }

    /// Starts an operator that reaches the sidecars another way.
    pub fn with_sidecars(world: &World, kubeconfig: &Path, sidecars: &str, arguments: &[&str]) -> Self {
        Self::spawn(world, kubeconfig, sidecars, arguments, &[], NO_WEBHOOKS)
    }

    fn spawn(
        world: &World,
        kubeconfig: &Path,
        sidecars: &str,
        arguments: &[&str],
        settings: &[(&str, &str)],
        webhooks: &str,
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seinode-operator"));
        // The nodes of a scenario wait for each other only where it asks for that.
        let bounded = arguments.iter().any(|argument| argument.starts_with(UNAVAILABLE));
        let unbounded = (!bounded).then(|| format!("{UNAVAILABLE}=100%"));
        command
            .arg("run")
            .args(unbounded)
            .arg("--log-format=json")
            .args(["--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0"])
            .arg(format!("--sidecar-url-template={sidecars}"))
            .arg(webhooks)
            .args(arguments)
            .env_clear()
            .envs(PLATFORM)
            .envs(settings.iter().copied());
        Self::launch(world, kubeconfig, command)
    }

    fn launch(world: &World, kubeconfig: &Path, mut command: Command) -> Self {
        command.env("KUBECONFIG", kubeconfig);
        let name = format!("operator-{}", STARTED.fetch_add(1, Ordering::Relaxed));
        Self { process: world.cluster.spawn(&name, command).unwrap() }
    }

    /// Starts an operator with the settings of an installed Deployment.
    pub fn as_told(world: &World, replica: &Replica) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seinode-operator"));
        command.args(&replica.arguments).env_clear().envs(replica.variables.iter().cloned());
        Self::launch(world, &replica.kubeconfig, command)
    }

    /// Starts an operator with other platform settings.
    pub fn with_settings(
        world: &World,
        kubeconfig: &Path,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Self {
        Self::spawn(world, kubeconfig, &world.sidecars.url_template(), arguments, settings, NO_WEBHOOKS)
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// SIGTERM, then the exit status.
    pub async fn stop(&self) -> ExitStatus {
        self.process.terminate();
        within("the operator stops", self.process.wait()).await
    }

    /// SIGSTOP: it stands still until [`Self::resume`].
    pub fn pause(&self) {
        self.process.pause();
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Exit status, once the process has ended.
    pub fn exited(&self) -> Option<ExitStatus> {
        self.process.exited()
    }

    /// The lines of its log so far.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.process.log()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Fetches a path of its endpoint `health` or `metrics`: status and body.
    pub async fn get(&self, endpoint: &str, path: &str) -> (u16, String) {
        let address = self.address(endpoint).await;
        let response = within("an answer", reqwest::get(format!("http://{address}{path}"))).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Address at which its endpoint `health`, `metrics` or `webhooks` listens.
    pub async fn address(&self, endpoint: &str) -> String {
        eventually(&format!("{endpoint} listens"), async || {
            let log = self.log();
            let line = log.iter().find(|line| line["message"] == "listening" && line["endpoint"] == endpoint);
            line.and_then(|line| line["address"].as_str()).map(str::to_owned).ok_or(log.clone())
        })
        .await
    }

    /// The value of a series of its metrics, 0 where there is none.
    pub async fn metric(&self, series: &str) -> f64 {
        let (_, text) = self.get("metrics", "/metrics").await;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until it is the one that works on nodes.
    pub async fn leads(&self) {
        eventually("it leads", async || {
            if self.metric("sei_controller_leader").await == 1.0 { Ok(()) } else { Err(self.log()) }
        })
        .await;
    }

    /// Waits until every gate is open.
    pub async fn ready(&self) {
        eventually("the operator is ready", async || match self.get("health", "/readyz?verbose").await {
            (200, _) => Ok(()),
            seen => Err(seen),
        })
        .await;
    }
}
