//! The demo with `--real-node`: the same job where containers run. Nothing of the charts is rewritten: two pods of the
//! operator run from its image, the API server reaches them through their Service, sidecars are containers.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use devcluster::host::Machine;
use devcluster::wait::until;
use devcluster::{Cluster, Guard, Nodes, Options, RealNode, ServiceAccounts, Tool, Tools};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use xtask::image::{self, Seid};
use xtask::{platform, release};

use crate::demo::day_two::{self, Heal};
use crate::demo::examples::{self, NAMESPACE, kubectl};
use crate::demo::follow::{self, Goal};
use crate::demo::play::progress_of;
use crate::demo::screen::{Screen, span};

/// The sidecar image of nodes that name none.
const SIDECAR_IMAGE: &str =
    "ghcr.io/sei-protocol/seictl@sha256:a2af4e1b8ed4c12661a3c98cce050bae3f292cc7560abc2ba98fd7dfc80d9be5";
/// The images of the examples, and of the update.
const SEID_IMAGES: [&str; 2] = ["registry.example.com/sei/seid:v6.4.0", day_two::IMAGE];
/// The node whose sidecar is killed, and where that listens.
const KILLED: &str = day_two::RESTARTED;
const PORT: u16 = 7777;

/// Time limit for a heal. A busy machine may need ten times the usual.
const LIMIT: Duration = Duration::from_secs(180);

/// Plays the demo on a real node. The cluster is put into `running`, and stays there also when a later step fails.
///
/// # Errors
/// When this machine cannot have a real node, or a step fails; the words say which and why.
pub(crate) async fn play(
    guard: &Guard,
    screen: &Screen,
    running: &mut Option<Cluster>,
) -> anyhow::Result<()> {
    screen.heading(
        "Three SeiNodes on a real node of Kubernetes, on this machine. Ctrl-C ends everything at any moment.",
    );

    let step = screen.step(1, "Tools", "looking for what a control plane and a node need");
    Machine::find()?;
    let wanted = [&Tool::CONTROL_PLANE[..], &Tool::NODE].concat();
    let tools = Tools::provide(&wanted, guard, &progress_of(step.voice())).await?;
    step.done(&format!("all {} programs are there, and containerd with its friends", tools.iter().count()));

    let step = screen.step(
        2,
        "Build",
        "cargo builds the operator as it is shipped; the first time that takes minutes",
    );
    let binary = tokio::task::spawn_blocking(image::build).await??;
    step.done(&format!("a static program: {}", binary.display()));

    let step =
        screen.step(3, "Cluster", "starting the control plane, containerd, the kubelet and kube-proxy");
    let options = Options {
        nodes: Nodes::Real,
        service_accounts: ServiceAccounts::Required,
        progress: progress_of(step.voice()),
        ..platform::options()
    };
    let cluster = &*running.insert(Cluster::start(options, guard).await?);
    let node = cluster.real_node().context("the cluster has no real node")?;
    step.done(&format!("{} serves, and the node takes pods", cluster.url()));

    let step = screen.step(4, "Images", "the operator's, and stand-ins for seid and its sidecar");
    let mut images = vec![image::operator(&binary)?, image::sidecar(SIDECAR_IMAGE)?];
    for name in SEID_IMAGES {
        images.push(image::seid(name, Seid::Runs, &node.machine().statics)?);
    }
    for image in &images {
        step.voice().now(image.name());
        node.import(image)?;
    }
    step.done(&format!("{} images were brought onto the node", images.len()));

    let step = screen.step(5, "Chart", "helm installs both charts of this checkout");
    release::install(cluster, &json!({ "platform": platform::modest_values() })).await?;
    step.voice().now("installed; its pods start");
    release::until_available(&cluster.client()).await?;
    release::until_admission(&cluster.client(), release::NAMESPACE).await?;
    step.done("two pods of the operator are ready, and the API server calls them through their Service");

    let names = examples::nodes()?;
    let step = screen.step(6, "SeiNodes", &format!("kubectl {}", examples::COMMAND.join(" ")));
    let (arrivals, ()) = tokio::try_join!(
        follow::until(Goal::Running, cluster.client(), &names, screen),
        examples::apply(cluster)
    )?;
    let slowest = arrivals.iter().map(|arrival| arrival.took).max().unwrap_or_default();
    step.done(&format!("{} are Running, the last after {}", names.len(), span(slowest)));

    let work = "the process of a sidecar is killed in its container";
    let (_, refusals) = day_two::show(cluster, screen, work, heal(cluster, node)).await?;
    for refusal in refusals {
        screen.say(&format!("\n  $ {}\n  {}", refusal.command, refusal.message));
    }
    screen.say(&pods(cluster).await?);
    Ok(())
}

/// Kills a sidecar in its container, and waits until the kubelet has restarted it and its gate is open again.
async fn heal(cluster: &Cluster, node: &RealNode) -> anyhow::Result<Heal> {
    let (id, address) = other_container(cluster, "").await?;
    node.kill(&id)?;
    let (mut ended, mut up) = (false, None);
    let what = format!("the gate of {KILLED} is open");
    let took = until(&what, LIMIT, async || match gate(address).await {
        Err(error) => {
            ended = true;
            Err(error.to_string())
        }
        Ok(_) if !ended => Err("the sidecar still runs".to_owned()),
        Ok(open) => {
            let up: Instant = *up.get_or_insert_with(Instant::now);
            if open { Ok(up.elapsed()) } else { Err("the gate is shut".to_owned()) }
        }
    });
    let took = took.await?;
    // The kubelet reports a moment later than the sidecar itself.
    other_container(cluster, &id).await?;
    Ok(Heal { node: KILLED, took })
}

/// Waits until the kubelet reports another container of the sidecar than `old`.
async fn other_container(cluster: &Cluster, old: &str) -> anyhow::Result<(String, SocketAddr)> {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), NAMESPACE);
    let what = format!("the kubelet reports the sidecar of {KILLED}");
    let found = until(&what, LIMIT, async || {
        let pod = pods.get(&format!("{KILLED}-0")).await.map_err(|error| error.to_string())?;
        sidecar(&pod).filter(|(id, _)| id != old).ok_or_else(|| format!("{:?}", pod.status))
    });
    Ok(found.await?)
}

/// The container of a pod's sidecar, and where it listens.
fn sidecar(pod: &Pod) -> Option<(String, SocketAddr)> {
    let status = pod.status.as_ref()?;
    let containers = status.init_container_statuses.as_ref()?;
    let id = containers.iter().find(|it| it.name == "sei-sidecar")?.container_id.as_ref()?;
    let ip: IpAddr = status.pod_ip.as_ref()?.parse().ok()?;
    Some((id.strip_prefix("containerd://")?.to_owned(), (ip, PORT).into()))
}

/// Fetches from the sidecar itself if its gate is open.
async fn gate(sidecar: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(sidecar).await?;
    stream.write_all(b"GET /v0/healthz HTTP/1.0\r\nHost: sidecar\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().is_some_and(|line| line.contains(" 200")))
}

/// All pods, as kubectl shows them.
async fn pods(cluster: &Cluster) -> anyhow::Result<String> {
    let answer = kubectl(cluster, &["get", "pods", "--all-namespaces", "-o", "wide"]).await?;
    Ok(format!("\n{}", String::from_utf8_lossy(&answer.stdout).trim_end()))
}
