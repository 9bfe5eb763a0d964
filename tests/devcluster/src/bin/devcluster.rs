//! `devcluster`: a control plane for people. It only puts together what the library provides.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use devcluster::{Cluster, Guard, Options, Progress, Tool, Tools, supervisor, up};

/// A real Kubernetes control plane on this machine, without a container engine.
///
/// etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and a kubelet without containers: pods are scheduled
/// and become ready, but no container ever runs. The programs are taken from $KUBEBUILDER_ASSETS or PATH where their
/// version fits (Kubernetes 1.34, etcd 3.5 or 3.6). The others are built once, with Go, into
/// $SEINODE_DEVCLUSTER_CACHE, by default ~/.cache/seinode-operator/tools; the first time that takes some minutes.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Request,
}

#[derive(Debug, Subcommand)]
enum Request {
    /// Start a cluster, and end it on Ctrl-C.
    Up(up::Up),
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
    let guard = supervisor::claim();
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
    // What has been started ends when its future is dropped: so an interruption works at every moment.
    tokio::select! {
        outcome = obey(command, guard) => outcome,
        outcome = up::interrupted() => Ok(outcome?),
    }
}

async fn obey(command: Request, guard: &Guard) -> anyhow::Result<()> {
    let progress = Progress::lines();
    match command {
        Request::Up(up) => {
            let cluster = Cluster::start(up.apply(Options { progress, ..Options::default() }), guard).await?;
            say(&up.describe(&cluster))?;
            std::future::pending().await
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

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

fn tool(name: &str) -> Result<Tool, String> {
    let names = || Tool::ALL.map(Tool::name).join(", ");
    Tool::named(name).ok_or_else(|| format!("there is no such program; there are {}", names()))
}
