//! A real Kubernetes control plane on one machine, without a container engine, for tests of operators.
//!
//! [`Cluster::start`] brings up etcd, kube-apiserver, kube-controller-manager, kube-scheduler and, in the kubelet's
//! place, kwok; about four seconds later the API answers, claims get volumes, pods are scheduled and become ready.
//! Everything is real except that containers never run ([`stages`] lists what a pod's status shows instead). With
//! [`Nodes::Real`] the machine itself is the node: containers run and Services route.
//!
//! ```no_run
//! use devcluster::{Cluster, Options, Progress, guardian};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // First of all: this executable may be running as the keeper of another run of itself.
//!     let guard = guardian::claim();
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
//! | [`guardian`] | whatever happens to us, what we started ends; [`process`] is one such thing |
//! | [`ground`] | what a real node needs of this machine, changes on it and puts back |
//! | [`stages`] | how kwok plays the kubelet, and the annotations with which a test makes a pod misbehave |
//! | [`volumes`] | gives every claim a volume |
//! | [`chart`] | charts, rendered and installed by helm, with processes on loopback behind them |
//! | [`definitions`] | definitions of the kinds of cert-manager and of the Prometheus operator |
//! | [`image`] | container images without a container engine |
//! | [`services`] | where the API server finds what it calls by a Service |
//! | [`audit`] | counts API requests |
//! | [`up`] | a cluster for people |
//! | [`progress`] | what is being done right now |
//!
//! The binary of the same name keeps a cluster running for people: `cargo run -p devcluster -- up`.
//!
//! This crate must never be a dependency of anything that is shipped, and must never touch a cluster that it did not
//! start.

pub mod audit;
pub mod chart;
pub mod cluster;
pub mod definitions;
pub mod ground;
pub mod guardian;
pub mod image;
mod pause;
mod port;
pub mod process;
pub mod progress;
mod removal;
pub mod services;
pub mod stages;
mod steady;
pub mod tools;
pub mod up;
pub mod volumes;

pub use cluster::{
    Audit, Cluster, ClusterError, LIMITED_TOKEN, Nodes, Options, Owners, RealNode, ServiceAccounts, Volumes,
};
pub use guardian::{Guard, Keep};
pub use process::Process;
pub use progress::{Event, Progress};
pub use tools::{Tool, Tools};
