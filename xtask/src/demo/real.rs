//! The demo with `--real-node`: the same job where containers run. Nothing of the charts is rewritten: two pods of the
//! operator run from its image, the API server reaches them through their Service, sidecars are containers.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use devcluster::chart::Helm;
use devcluster::ground::Machine;
use devcluster::{Cluster, Guard, Nodes, Options, RealNode, ServiceAccounts, Tool, Tools};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use xtask::cargo::checkout;
use xtask::image::{self, Seid};
use xtask::platform;

use crate::demo::daily::{self, Heal};
use crate::demo::examples::{self, NAMESPACE};
use crate::demo::follow::{self, Goal};
use crate::demo::guardrails;
use crate::demo::play::telling;
use crate::demo::release::{CRDS, HOME, NAME};
use crate::demo::screen::{Screen, Voice, span};

/// The sidecar image of nodes that name none.
const SIDECAR_IMAGE: &str =
    "ghcr.io/sei-protocol/seictl@sha256:a2af4e1b8ed4c12661a3c98cce050bae3f292cc7560abc2ba98fd7dfc80d9be5";
/// The images of the examples, and of the update.
const SEID_IMAGES: [&str; 2] = ["registry.example.com/sei/seid:v6.4.0", daily::IMAGE];
/// The node whose sidecar is killed, and where that listens.
const KILLED: &str = daily::RESTARTED;
const PORT: u16 = 7777;

/// How long pods and gates may take. A busy machine may need ten times what is usual.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often is looked.
const GLANCE: Duration = Duration::from_millis(20);

/// Plays the demo on a real node. The cluster is put on `stage`, and stays there also when a later step fails.
///
/// # Errors
/// When this machine cannot have a real node, or a step fails; the words say which and why.
pub(crate) async fn play(guard: &Guard, screen: &Screen, stage: &mut Option<Cluster>) -> anyhow::Result<()> {
    screen.heading(
        "Three SeiNodes on a real node of Kubernetes, on this machine. Ctrl-C ends everything at any moment.",
    );

    let step = screen.step(1, "Tools", "looking for what a control plane and a node need");
    Machine::find()?;
    let wanted = [&Tool::CONTROL_PLANE[..], &Tool::NODE].concat();
    let tools = Tools::provide(&wanted, guard, &telling(step.voice())).await?;
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
        progress: telling(step.voice()),
        ..Options::default()
    };
    let cluster = &*stage.insert(Cluster::start(options, guard).await?);
    let node = cluster.real_node().context("the cluster has no real node")?;
    step.done(&format!("{} serves, and the node takes pods", cluster.url()));

    let step = screen.step(4, "Images", "the operator's, and who stands in for seid and its sidecar");
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
    install(cluster, step.voice()).await?;
    guardrails::asked(&cluster.client()).await?;
    step.done("two pods of the operator are ready, and the API server asks them through their Service");

    let names = examples::nodes()?;
    let step = screen.step(6, "SeiNodes", &format!("kubectl {}", examples::COMMAND.join(" ")));
    let (arrivals, ()) = tokio::try_join!(
        follow::until(Goal::Running, cluster.client(), &names, screen),
        examples::apply(cluster)
    )?;
    let slowest = arrivals.iter().map(|arrival| arrival.took).max().unwrap_or_default();
    step.done(&format!("{} are Running, the last after {}", names.len(), span(slowest)));

    let step = screen.step(7, "New image", &examples::typed(&daily::UPDATE));
    let updated = daily::roll(cluster, screen).await?;
    step.done(&format!("its pod was replaced and runs the new image after {}", span(updated.took)));

    let step = screen.step(8, "Lost gate", "the process of a sidecar is killed in its container");
    let Heal { node, took } = heal(cluster, node).await?;
    step.done(&format!("the gate of {node} was seen and opened {} after the sidecar was back", span(took)));

    let step = screen.step(9, "By hand", "edits that a person should not make, with kubectl");
    let refusals = guardrails::play(cluster).await?;
    step.done(&format!("{} edits were made and refused", refusals.len()));
    for refusal in refusals {
        screen.say(&format!("\n  $ {}\n  {}", refusal.command, refusal.said));
    }
    screen.say(&pods(cluster).await?);
    Ok(())
}

/// Installs both charts, and waits until both replicas of the operator are available.
async fn install(cluster: &Cluster, voice: &Voice) -> anyhow::Result<()> {
    let helm = Helm::of(cluster);
    let charts = checkout().join("charts");
    let values = json!({ "platform": platform::modest_values() });
    helm.install(CRDS, &charts.join(CRDS), HOME, &json!({}), &[]).await?;
    helm.install(NAME, &charts.join(NAME), HOME, &values, &[]).await?;
    voice.now("installed; its pods start");
    let deployments: Api<Deployment> = Api::namespaced(cluster.client(), HOME);
    let begun = Instant::now();
    loop {
        let status = deployments.get(NAME).await?.status.unwrap_or_default();
        if status.available_replicas == Some(2) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("the Deployment {HOME}/{NAME} is not available after {} s: {status:?}", PATIENCE.as_secs());
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Kills a sidecar in its container, and waits until the kubelet has restarted it and its gate is open again.
async fn heal(cluster: &Cluster, node: &RealNode) -> anyhow::Result<Heal> {
    let begun = Instant::now();
    let (id, address) = told(cluster, "").await?;
    node.kill(&id)?;
    let (mut ended, mut up) = (false, None);
    loop {
        match gate(address).await {
            Err(_) => ended = true,
            Ok(open) if ended => {
                let up = *up.get_or_insert_with(Instant::now);
                if open {
                    let heal = Heal { node: KILLED, took: up.elapsed() };
                    // The kubelet tells a moment later than the sidecar itself.
                    return told(cluster, &id).await.map(|_| heal);
                }
            }
            Ok(_) => {}
        }
        if begun.elapsed() > PATIENCE {
            bail!("the gate of {KILLED} is still shut after {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Waits until the kubelet tells of another container than this one.
async fn told(cluster: &Cluster, old: &str) -> anyhow::Result<(String, SocketAddr)> {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), NAMESPACE);
    let begun = Instant::now();
    loop {
        let found = sidecar(&pods.get(&format!("{KILLED}-0")).await?);
        if let Some(found) = found.filter(|(id, _)| id != old) {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("the kubelet does not tell of the sidecar of {KILLED}");
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// The container of a pod's sidecar, and where it listens.
fn sidecar(pod: &Pod) -> Option<(String, SocketAddr)> {
    let status = pod.status.as_ref()?;
    let containers = status.init_container_statuses.as_ref()?;
    let id = containers.iter().find(|it| it.name == "sei-sidecar")?.container_id.as_ref()?;
    let ip: IpAddr = status.pod_ip.as_ref()?.parse().ok()?;
    Some((id.strip_prefix("containerd://")?.to_owned(), (ip, PORT).into()))
}

/// Whether a gate is open, asked of the sidecar itself.
async fn gate(sidecar: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(sidecar).await?;
    stream.write_all(b"GET /v0/healthz HTTP/1.0\r\nHost: sidecar\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().is_some_and(|line| line.contains(" 200")))
}

/// All pods, as kubectl shows them.
async fn pods(cluster: &Cluster) -> anyhow::Result<String> {
    let mut kubectl = tokio::process::Command::from(cluster.kubectl());
    let answer =
        kubectl.args(["get", "pods", "--all-namespaces", "-o", "wide"]).kill_on_drop(true).output().await?;
    Ok(format!("\n{}", String::from_utf8_lossy(&answer.stdout).trim_end()))
}
