//! A real Kubernetes control plane on one machine, without a container engine, for tests of operators.
//!
//! [`Cluster::start`] brings up etcd, kube-apiserver, kube-controller-manager, kube-scheduler and, in the kubelet's
//! place, [`kubelet`]; about four seconds later the API answers, claims get volumes, pods are scheduled and become ready.
//! Everything is real except that containers never run ([`kubelet`] writes what a pod's status shows instead). With
//! [`Nodes::Real`] the machine itself is the node: containers run and Services route.
//!
//! ```no_run
//! use devcluster::{Cluster, Options, Progress, supervisor};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // First of all: this executable may be running as the watchdog of another run of itself.
//!     let guard = supervisor::claim();
//!     tokio::runtime::Runtime::new()?.block_on(async {
//!         let options = Options { progress: Progress::lines(), ..Options::default() };
//!         let cluster = Cluster::start(options, &guard).await?;
//!         let client = cluster.client(); // a `kube::Client` with every right
//!         let kubeconfig = cluster.kubeconfig(); // the same for programs
//! #       let _ = (client, kubeconfig);
//!         Ok(())
//!     }) // the cluster is dropped here, and its processes and files are gone
//! }
//! ```
//!
//! # Where things are
//!
//! | Module | What it is about |
//! |---|---|
//! | [`cluster`] | starts the components, waits for them, hands out clients and kubeconfigs |
//! | [`tools`] | finds the components' binaries or builds them from pinned Go modules into a shared cache |
//! | [`supervisor`] | ends everything we started, whatever happens to us; [`process`] is one such thing |
//! | [`host`] | requirements and changes of a real node on this machine, and their reversal |
//! | [`kubelet`] | plays the machines, and makes pods misbehave as a test asks |
//! | [`volumes`] | gives every claim a volume |
//! | [`chart`] | charts, rendered and installed by helm, with processes on loopback behind them |
//! | [`definitions`] | definitions of the kinds of cert-manager and of the Prometheus operator |
//! | [`image`] | container images without a container engine |
//! | [`services`] | routes from Services to loopback for the API server |
//! | [`audit`] | counts API requests |
//! | [`wait`] | polling with a time limit |
//! | [`up`] | a cluster for people |
//! | [`progress`] | progress events |
//!
//! The binary of the same name keeps a cluster running for people: `cargo run -p devcluster -- up`.
//!
//! This crate must never be a dependency of anything that is shipped, and must never touch a cluster that it did not
//! start.

pub mod audit;
pub mod chart;
pub mod cluster;
pub mod definitions;
pub mod host;
pub mod image;
pub mod kubelet;
mod pause;
mod port;
pub mod process;
pub mod progress;
pub mod services;
mod steady;
pub mod supervisor;
pub mod tools;
pub mod up;
pub mod volumes;
pub mod wait;

pub use cluster::{
    Audit, Cluster, ClusterError, LIMITED_TOKEN, MachineSpec, Nodes, Options, Owners, RealNode,
    ReclaimPolicy, ServiceAccounts, StorageClassSpec, Volumes,
};
pub use process::Process;
pub use progress::{Event, Progress};
pub use supervisor::{Guard, Keep};
pub use tools::{Tool, Tools};
