//! Starts the components in an order in which each finds what it needs, and waits until the whole is ready.

use std::net::SocketAddrV4;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use tokio_util::task::AbortOnDropHandle;

use super::access::{self, Access};
use super::apiserver::{self, Apiserver};
use super::components::{self, Ports};
use super::node::RealNode;
use super::pki::Pki;
use super::reach::Reach;
use super::{Audit, Cluster, ClusterError, Machinery, Nodes, Options, Volumes, ready, seed};
use crate::host::{Host, HostError, Machine};
use crate::kubelet::{Kubelet, Pace};
use crate::process::Process;
use crate::progress::Event;
use crate::services::Services;
use crate::supervisor::Guard;
use crate::tools::{Tool, Tools};
use crate::volumes::Disk;

/// Attempts to start, in case another process takes a port first.
const ATTEMPTS: usize = 3;

pub(super) async fn launch(options: Options, guard: &Guard) -> Result<Cluster, ClusterError> {
    let wanted = match options.nodes {
        Nodes::Simulated => Tool::CONTROL_PLANE.to_vec(),
        Nodes::Real => {
            // Before minutes of building.
            Machine::find().map_err(HostError::from)?;
            [&Tool::CONTROL_PLANE[..], &Tool::NODE].concat()
        }
    };
    let tools = Tools::provide(&wanted, guard, &options.progress).await?;
    let mut attempt = 1;
    loop {
        match assemble(&options, &tools, guard).await {
            Err(error) if attempt < ATTEMPTS && lost_a_port(&error) => attempt += 1,
            outcome => return outcome,
        }
    }
}

async fn assemble(options: &Options, tools: &Tools, guard: &Guard) -> Result<Cluster, ClusterError> {
    let begin = Instant::now();
    let tell = |part| options.progress.report(&Event::Starting(part));
    let scratch = guard.scratch(options.keep).map_err(|source| io("make a directory", source))?;
    let directory = scratch.path();
    for name in ["logs", "pki"] {
        std::fs::create_dir(directory.join(name)).map_err(|source| io("make a directory", source))?;
    }
    let reach = Reach::of(options.nodes);
    let host = match options.nodes {
        Nodes::Simulated => None,
        Nodes::Real => {
            tell("the bridge that pods are connected to");
            Some(Host::prepare(guard.mark(), directory, &options.progress).await?)
        }
    };
    let pki = Pki::create(&directory.join("pki"), reach.names())?;
    write(&directory.join("pki/tokens.csv"), &access::token_file())?;
    let ports = Ports::free().map_err(|source| io("find free ports", source))?;
    let access = Access::new(SocketAddrV4::new(reach.address(), ports.apiserver), &pki, directory)?;
    let start = |name: &str, command: Command| guard.spawn(name, command, &components::log(directory, name));

    tell("etcd and the API server");
    let etcd = start("etcd", components::etcd(tools, directory, ports))?;
    let audit = match options.audit {
        Audit::Off => None,
        Audit::On => Some((apiserver::audit_policy(directory)?, apiserver::audit_log(directory))),
    };
    let services = Services::listen(directory).map_err(|source| io("listen for the API server", source))?;
    let command = components::apiserver(tools, directory, &pki, ports, options, audit);
    let apiserver = Apiserver::new(&command, directory);
    apiserver.start(guard)?;
    let client = access.client(access::DEVCLUSTER.token, "devcluster")?;
    unless_ended(&etcd, apiserver.serves(&client)).await?;

    ready::done(&etcd, || seed::define(&client, &options.crds)).await?;

    tell("the controllers, the scheduler and the node");
    let kubeconfig = |user: access::User| access.kubeconfig(user.token);
    let controllers = start(
        "kube-controller-manager",
        components::controller_manager(tools, &pki, ports, reach, &kubeconfig(access::CONTROLLERS)?),
    )?;
    let scheduler =
        start("kube-scheduler", components::scheduler(tools, &pki, ports, &kubeconfig(access::SCHEDULER)?))?;
    let machinery = match host {
        None => {
            let client = access.client(access::DEVCLUSTER.token, "devcluster-kubelet")?;
            Machinery::Simulated(Kubelet::start(client, Pace::default()))
        }
        Some(host) => {
            let machine = options.machines.first().ok_or(ClusterError::NoMachine)?;
            Machinery::Real(Box::new(RealNode::start(host, machine, tools, &access, directory, guard).await?))
        }
    };
    let at = |port: u16| {
        access.client_at(&format!("https://127.0.0.1:{port}"), access::DEVCLUSTER.token, "devcluster")
    };
    let (controllers_client, scheduler_client) = (at(ports.controllers)?, at(ports.scheduler)?);
    futures::future::try_join4(
        apiserver.ready(&client),
        ready::answers(&controllers_client, "/healthz", &controllers),
        ready::answers(&scheduler_client, "/healthz", &scheduler),
        async {
            ready::done(&controllers, || seed::stock(&client, &options.storage_classes)).await?;
            match &machinery {
                Machinery::Simulated(_) => {
                    ready::done(&controllers, || seed::plant(&client, &options.machines)).await?;
                    ready::nodes(&client, &controllers).await
                }
                Machinery::Real(node) => node.ready(&client).await,
            }
        },
    )
    .await?;

    let own = |user_agent: &str| access.client(access::DEVCLUSTER.token, user_agent);
    let mut tasks = Vec::new();
    let disk = match machinery {
        Machinery::Simulated(_) => Disk::None,
        Machinery::Real(_) => Disk::At(directory.join("volumes")),
    };
    if options.volumes == Volumes::Dynamic {
        tasks.push(run(crate::volumes::provision(
            own("devcluster-volumes")?,
            disk,
            options.storage_classes.clone(),
        )));
    }
    options.progress.report(&Event::Ready { elapsed: begin.elapsed() });
    Ok(Cluster {
        tasks,
        machinery,
        clients: vec![scheduler, controllers],
        apiserver,
        etcd,
        client: access.admin_client()?,
        access,
        services,
        audit: options.audit,
        storage_classes: options.storage_classes.clone(),
        tools: tools.clone(),
        guard: guard.clone(),
        scratch,
    })
}

/// Waits for `work`, but not when `needed` ends meanwhile: without etcd the API server tries on for 20 seconds, and
/// then the reason is in etcd's log.
async fn unless_ended(
    needed: &Process,
    work: impl Future<Output = Result<(), ClusterError>>,
) -> Result<(), ClusterError> {
    tokio::select! {
        outcome = work => outcome,
        status = needed.wait() => Err(ready::ended(needed, status)),
    }
}

fn run(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

fn lost_a_port(error: &ClusterError) -> bool {
    matches!(error, ClusterError::Ended { tail, .. } if tail.contains("address already in use"))
}

/// Writes a file of the cluster.
pub(super) fn write(path: &Path, text: &str) -> Result<(), ClusterError> {
    std::fs::write(path, text).map_err(|source| io(&format!("write {}", path.display()), source))
}

fn io(what: &str, source: std::io::Error) -> ClusterError {
    ClusterError::Io { what: format!("cannot {what}"), source }
}
