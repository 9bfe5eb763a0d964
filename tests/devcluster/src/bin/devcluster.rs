//! `devcluster`: a control plane for people. It only puts together what the library provides.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use devcluster::sidecar::Sidecars;
use devcluster::{
    Audit, Cluster, Guard, Keep, Nodes, Options, Progress, ServiceAccounts, Tool, Tools, guardian, image,
};
use tokio::signal::unix::{SignalKind, signal};

/// A real Kubernetes control plane on this machine, without a container engine.
///
/// etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and kwok in the kubelet's place: pods are scheduled
/// and become ready, but no container ever runs. The programs are taken from $KUBEBUILDER_ASSETS or PATH where their
/// version fits (Kubernetes 1.34, etcd 3.5 or 3.6, kwok 0.8). The others are built once, with Go, into
/// $SEINODE_DEVCLUSTER_CACHE, by default ~/.cache/seinode-operator/tools; the first time that takes some minutes.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Request,
}

#[derive(Debug, Subcommand)]
enum Request {
    /// Start a cluster with simulated sidecars, and end it on Ctrl-C.
    Up {
        /// Record every API request.
        #[arg(long)]
        audit: bool,
        /// Leave the cluster's directory, with its logs, when it ends.
        #[arg(long)]
        keep: bool,
        /// Run containers: with containerd, kubelet and kube-proxy on this machine, in place of kwok and simulated sidecars.
        /// Needs root and some packages; it says so where they are missing.
        #[arg(long)]
        real_node: bool,
    },
    /// Build the operator's image, without a container engine, and write it into an archive for `docker load`, `podman
    /// load` or `ctr images import`. Needs the Rust target for musl and musl-gcc; it says so where they are missing.
    Image {
        /// The archive.
        file: PathBuf,
        /// The image's name.
        #[arg(long, default_value = image::OPERATOR)]
        name: String,
    },
    /// Find or build the programs of a control plane, and print where they are.
    Tools,
    /// Print where one program is, for instance `kubectl`.
    Path {
        /// Its name.
        #[arg(value_parser = tool)]
        name: Tool,
    },
}

fn main() -> ExitCode {
    let guard = guardian::claim();
    let Arguments { command } = Arguments::parse();
    match run(command, &guard) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "devcluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command: Request, guard: &Guard) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // What has been started ends when its future is dropped: so an interruption works at every moment.
    tokio::select! {
        outcome = obey(command, guard) => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn obey(command: Request, guard: &Guard) -> anyhow::Result<()> {
    let progress = Progress::lines();
    match command {
        Request::Up { audit, keep, real_node } => {
            let audit = if audit { Audit::On } else { Audit::Off };
            let keep = if keep { Keep::Yes } else { Keep::No };
            let options = Options { audit, keep, progress, ..Options::default() };
            let real = Options {
                service_accounts: ServiceAccounts::Required,
                nodes: Nodes::Real,
                ..options.clone()
            };
            up(if real_node { real } else { options }, guard).await
        }
        Request::Image { file, name } => {
            let binary = tokio::task::spawn_blocking(image::build).await??;
            image::operator(&binary)?.renamed(&name).write(&file)?;
            say(&format!("{name} is in {}", file.display()))
        }
        Request::Tools => {
            let tools = Tools::provide(&Tool::CONTROL_PLANE, guard, &progress).await?;
            let lines: Vec<String> =
                tools.iter().map(|(tool, path)| format!("{tool:<24}{}", path.display())).collect();
            say(&lines.join("\n"))
        }
        Request::Path { name } => {
            let tools = Tools::provide(&[name], guard, &progress).await?;
            say(&tools.path(name).display().to_string())
        }
    }
}

async fn up(options: Options, guard: &Guard) -> anyhow::Result<()> {
    let keep = options.keep;
    let cluster = Cluster::start(options, guard).await?;
    let kubectl = cluster.tools().path(Tool::Kubectl);
    say(&format!("\n  export KUBECONFIG={}", cluster.kubeconfig().display()))?;
    say(&format!("  {} get nodes,storageclasses\n", kubectl.display()))?;
    let _sidecars = match cluster.real_node() {
        Some(_) => None,
        None => {
            let sidecars = Sidecars::start(cluster.client()).await?;
            say(&format!("For the operator:  --sidecar-url-template '{}'", sidecars.url_template()))?;
            Some(sidecars)
        }
    };
    say(&format!("Logs:              {}", cluster.dir().join("logs").display()))?;
    if let Some(log) = cluster.audit_log() {
        say(&format!("API requests:      {}", log.display()))?;
    }
    let left = if keep == Keep::Yes { "its directory stays" } else { "its directory goes with it" };
    say(&format!("Ctrl-C ends the cluster; {left}."))?;
    std::future::pending().await
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

fn tool(name: &str) -> Result<Tool, String> {
    let names = || Tool::ALL.map(Tool::name).join(", ");
    Tool::named(name).ok_or_else(|| format!("there is no such program; there are {}", names()))
}
