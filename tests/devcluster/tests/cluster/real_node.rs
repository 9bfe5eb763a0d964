//! A real node leaves a machine as it found it, however its owner ends. What it is good for is told by `tests/real`.
//!
//! As in [`endings`](crate::endings) this binary runs itself once more, as the owner.

use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use devcluster::host::{BRIDGE, Machine};
use devcluster::image::PAUSE;
use devcluster::{Cluster, Guard, Nodes, Options};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use scenario::{Completion, Failed, scenario};
use serde_json::json;

use crate::endings;
use crate::kit::{eventually, from, phase};

/// Time limit for the watchdog of a dead owner.
const GONE_WITHIN: Duration = Duration::from_secs(20);
/// Time limit for another process's real node.
const PATIENCE: Duration = Duration::from_secs(300);
/// Poll interval.
const GLANCE: Duration = Duration::from_millis(100);
/// Settings and directories that a kubelet changes or creates.
const SYSCTLS: [&str; 4] =
    ["net/ipv4/ip_forward", "vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops"];
const HAUNTS: [&str; 5] =
    ["/var/lib/kubelet", "/var/lib/cni", "/var/log/containers", "/var/log/pods", "/run/containerd"];

/// The role of an owner that waits, and of one that ends by itself.
pub const WAITS: &str = "real-node-waits";
pub const DROPS: &str = "real-node-drops";

#[scenario]
fn a_real_node_leaves_nothing_dropped_or_killed() -> Result<Completion, Failed> {
    match Machine::find() {
        Err(missing) if !required() => return Ok(Completion::ignored_with(missing)),
        Err(missing) => return Err(missing.into()),
        Ok(_) => {}
    }
    // One after the other: there is one real node on a machine.
    leaves_nothing(DROPS, |_| ())?;
    leaves_nothing(WAITS, |owner| owner.kill().expect("killed"))?;
    Ok(Completion::Completed)
}

/// The owner: a node with a pod on it.
pub fn play(role: &str, guard: &Guard, tell: impl Fn(String)) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let options = Options { nodes: Nodes::Real, ..Options::default() };
    let cluster = match runtime.block_on(Cluster::start(options, guard)) {
        Ok(cluster) => cluster,
        Err(error) => {
            tell(format!("error {}", error.to_string().replace('\n', " ")));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(run_a_pod(&cluster));
    tell(format!("directory {}", cluster.dir().display()));
    tell("ready".to_owned());
    if role == WAITS {
        loop {
            std::thread::park();
        }
    }
    drop(cluster);
    ExitCode::SUCCESS
}

async fn run_a_pod(cluster: &Cluster) {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), "default");
    let pod = json!({
        "metadata": { "name": "idle" },
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{ "name": "idle", "image": PAUSE, "volumeMounts": [{ "name": "memory", "mountPath": "/m" }] }],
            "volumes": [{ "name": "memory", "emptyDir": { "medium": "Memory" } }],
        },
    });
    pods.create(&PostParams::default(), &from(pod)).await.expect("a pod");
    eventually("the pod runs", || async {
        let pod = pods.get("idle").await.map_err(|error| error.to_string())?;
        if phase(&pod) == "Running" { Ok(()) } else { Err(format!("{:?}", pod.status)) }
    })
    .await;
}

fn leaves_nothing(role: &str, end: impl FnOnce(&mut Child)) -> Result<(), Failed> {
    let mut begin = Instant::now();
    while somebody_elses("") {
        if begin.elapsed() > PATIENCE {
            return Err("another process keeps its real node on this machine".into());
        }
        std::thread::sleep(GLANCE);
    }
    let before = machine();
    let (mut owner, lines) = endings::start(role, |_| ());
    let directory = lines.iter().find_map(|line| line.strip_prefix("directory "));
    let directory = directory.ok_or_else(|| format!("{lines:?}"))?.to_owned();
    assert_ne!(before, machine(), "a node changes nothing on the machine: then this test sees nothing");
    assert!(!of_the_node(&directory).is_empty(), "a node has no processes: then this test sees nothing");
    end(&mut owner);
    owner.wait()?;
    begin = Instant::now();
    loop {
        if somebody_elses(&directory) && begin.elapsed() < PATIENCE {
            // Theirs looks as ours did.
            std::thread::sleep(GLANCE);
            continue;
        }
        let (after, left) = (machine(), of_the_node(&directory));
        if after == before && left.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > GONE_WITHIN && !somebody_elses(&directory) {
            return Err(format!("{role}: left are {left:?}; before: {before:#?}; after: {after:#?}").into());
        }
        std::thread::sleep(GLANCE);
    }
}

/// Returns true if this host's record lists another node than the one in this directory.
fn somebody_elses(directory: &str) -> bool {
    let changes = std::fs::read_to_string("/run/devcluster.json").unwrap_or_default();
    !changes.is_empty() && (directory.is_empty() || !changes.contains(directory))
}

/// The parts of a host that a node changes.
fn machine() -> Vec<String> {
    let saved_rules = |program: &str| {
        let output = Command::new(program).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let rules = ["iptables-save", "ip6tables-save"].map(saved_rules).concat();
    let chains = rules.lines().filter(|line| line.starts_with(":KUBE-") || line.contains("DEVCLUSTER-"));
    let links = Path::new("/sys/class/net").read_dir().expect("links").flatten();
    let links = links.map(|link| link.file_name().to_string_lossy().into_owned());
    let links = links.filter(|name| name == BRIDGE || name.starts_with("veth"));
    let values = SYSCTLS.map(|name| {
        let value = std::fs::read_to_string(Path::new("/proc/sys").join(name)).unwrap_or_default();
        format!("{name} {}", value.trim())
    });
    let haunts = HAUNTS.into_iter().filter(|path| Path::new(path).exists()).map(str::to_owned);
    chains
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .chain(links)
        .chain(values)
        .chain(haunts)
        .collect()
}

/// Its directory, its mounts, its control groups, its processes.
fn of_the_node(directory: &str) -> Vec<String> {
    let name = Path::new(directory).file_name().expect("a name").to_string_lossy().into_owned();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let mut left: Vec<String> =
        mounts.lines().filter(|line| line.contains(directory)).map(str::to_owned).collect();
    left.extend(Path::new(directory).exists().then(|| directory.to_owned()));
    for hierarchy in Path::new("/sys/fs/cgroup").read_dir().expect("control groups").flatten() {
        let group = hierarchy.path().join(&name);
        left.extend(group.exists().then(|| group.display().to_string()));
    }
    for process in Path::new("/proc").read_dir().expect("/proc").flatten() {
        let read = |file: &str| std::fs::read(process.path().join(file)).unwrap_or_default();
        let (line, group) = (read("cmdline"), read("cgroup"));
        let ours = [line, group].iter().any(|text| String::from_utf8_lossy(text).contains(&name));
        left.extend(ours.then(|| process.path().display().to_string()));
    }
    left
}

/// Returns true if a machine that cannot have a real node fails the test.
fn required() -> bool {
    std::env::var_os("SEINODE_REQUIRE_REAL_NODE").is_some_and(|value| !value.is_empty())
}
