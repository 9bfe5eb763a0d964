//! Commands of the control plane's components: flags, and reasons.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::pki::Pki;
use super::reach::Reach;
use super::{Options, Owners, ServiceAccounts};
use crate::services;
use crate::tools::{Tool, Tools};

/// The controllers that tests and the demo rely on. Those of DaemonSets and cloud machines have no work here.
const CONTROLLERS: &str = "statefulset-controller,deployment-controller,replicaset-controller,job-controller,ttl-after-finished-controller,\
    garbage-collector-controller,namespace-controller,serviceaccount-controller,\
    endpointslice-controller,disruption-controller,node-lifecycle-controller,taint-eviction-controller,\
    pod-garbage-collector-controller,\
    persistentvolume-binder-controller,persistentvolume-protection-controller,\
    persistentvolumeclaim-protection-controller,\
    clusterrole-aggregation-controller,validatingadmissionpolicy-status-controller";

/// The ports of a cluster, all on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) etcd: u16,
    pub(super) etcd_peers: u16,
    pub(super) apiserver: u16,
    pub(super) controllers: u16,
    pub(super) scheduler: u16,
}

impl Ports {
    pub(super) fn free() -> std::io::Result<Self> {
        let [etcd, etcd_peers, apiserver, controllers, scheduler] = crate::port::free()?;
        Ok(Self { etcd, etcd_peers, apiserver, controllers, scheduler })
    }
}

/// The file that takes the output of `name`.
pub(super) fn log(directory: &Path, name: &str) -> PathBuf {
    directory.join("logs").join(format!("{name}.log"))
}

pub(super) fn etcd(tools: &Tools, directory: &Path, ports: Ports) -> Command {
    let clients = format!("http://127.0.0.1:{}", ports.etcd);
    let peers = format!("http://127.0.0.1:{}", ports.etcd_peers);
    let mut command = Command::new(tools.path(Tool::Etcd));
    command
        .arg("--data-dir")
        .arg(directory.join("etcd"))
        .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
        .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
        .arg(format!("--initial-cluster=default={peers}"))
        // The data are worth nothing after a power cut.
        .arg("--unsafe-no-fsync")
        // There is nobody to hear from before becoming the leader: this saves half a second of waiting.
        .args(["--heartbeat-interval=10", "--election-timeout=100"]);
    command
}

pub(super) fn apiserver(
    tools: &Tools,
    directory: &Path,
    pki: &Pki,
    ports: Ports,
    options: &Options,
    audit: Option<(PathBuf, PathBuf)>,
) -> Command {
    let reach = Reach::of(options.nodes);
    let mut command = Command::new(tools.path(Tool::Apiserver));
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd))
        .arg(format!("--bind-address={}", reach.address()))
        .arg(format!("--secure-port={}", ports.apiserver))
        .arg("--cert-dir")
        .arg(directory.join("pki"))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg("--service-account-key-file")
        .arg(&pki.token_public_key)
        .arg("--service-account-signing-key-file")
        .arg(&pki.token_key)
        .arg("--authorization-mode=RBAC")
        .arg("--token-auth-file")
        .arg(directory.join("pki/tokens.csv"))
        .args([&format!("--service-cluster-ip-range={}", reach.services()), "--allow-privileged"]);
    match reach {
        // Nobody dials the Service `kubernetes`, and there is no address of ours to enter there; the others are played.
        Reach::Loopback => command
            .arg("--endpoint-reconciler-type=none")
            .arg("--egress-selector-config-file")
            .arg(services::configuration(directory)),
        Reach::Pods => command
            .arg(format!("--advertise-address={}", reach.address()))
            .arg("--kubelet-preferred-address-types=InternalIP"),
    };
    serve_tls(&mut command, pki);
    if options.service_accounts == ServiceAccounts::Ignored {
        command.arg("--disable-admission-plugins=ServiceAccount");
    }
    if options.owners == Owners::Guarded {
        command.arg("--enable-admission-plugins=OwnerReferencesPermissionEnforcement");
    }
    if let Some((policy, record)) = audit {
        command.arg("--audit-policy-file").arg(policy).arg("--audit-log-path").arg(record);
    }
    command
}

pub(super) fn controller_manager(
    tools: &Tools,
    pki: &Pki,
    ports: Ports,
    reach: Reach,
    kubeconfig: &Path,
) -> Command {
    let mut command = Command::new(tools.path(Tool::ControllerManager));
    match reach {
        Reach::Loopback => command.arg(format!("--controllers={CONTROLLERS}")),
        // Each pod gets the authority that it trusts.
        Reach::Pods => command.arg("--controllers=*").arg("--root-ca-file").arg(&pki.authority),
    };
    command
        .arg("--service-account-private-key-file")
        .arg(&pki.token_key)
        .args(["--concurrent-statefulset-syncs=20", "--concurrent-gc-syncs=20"])
        // A machine that fails is not ready 20 seconds later, not 50; heartbeats come every 10 seconds.
        .args(["--node-monitor-grace-period=20s", "--node-monitor-period=1s"])
        // A claim that was looked at before its volume was known is looked at again; not only after 15 seconds.
        .arg("--pvclaimbinder-sync-period=1s");
    serve_loopback(&mut command, pki, ports.controllers, kubeconfig);
    command
}

pub(super) fn scheduler(tools: &Tools, pki: &Pki, ports: Ports, kubeconfig: &Path) -> Command {
    let mut command = Command::new(tools.path(Tool::Scheduler));
    // A pod whose claim was not there yet is tried again within half a minute, also when the scheduler, short of CPU, missed
    // that it came.
    command.arg("--pod-max-in-unschedulable-pods-duration=5s");
    serve_loopback(&mut command, pki, ports.scheduler, kubeconfig);
    command
}

fn serve_loopback(command: &mut Command, pki: &Pki, port: u16, kubeconfig: &Path) {
    command
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["--bind-address=127.0.0.1", &format!("--secure-port={port}"), "--leader-elect=false"])
        // With the defaults, 20 requests a second, a test of a hundred rollouts would measure the throttle.
        .args(["--kube-api-qps=1000", "--kube-api-burst=2000"]);
    serve_tls(command, pki);
}

fn serve_tls(command: &mut Command, pki: &Pki) {
    command.arg("--tls-cert-file").arg(&pki.certificate).arg("--tls-private-key-file").arg(&pki.key);
}
