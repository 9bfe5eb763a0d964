//! Commands of each part of a real node: flags, files, and reasons.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use tokio::net::TcpStream;

use crate::cluster::access::{self, Access};
use crate::cluster::launch::write;
use crate::cluster::{ClusterError, MachineSpec};
use crate::host::{ADDRESS, BRIDGE, Host, PODS};
use crate::image::PAUSE;
use crate::tools::{Tool, Tools};

/// The Service by which pods reach the API server. It answers when kube-proxy does its work.
pub(super) const API_SERVICE: SocketAddr =
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 96, 0, 1), 443));
/// The port that resolvers ask.
pub(super) const NAMES: u16 = 53;

/// The files of a node, and what it takes to start its parts.
#[derive(Debug)]
pub(super) struct Parts {
    directory: PathBuf,
    machine: MachineSpec,
    tools: Tools,
    kubeconfig: PathBuf,
    ports: [u16; 4],
}

impl Parts {
    /// Writes the files.
    pub(super) fn lay_out(
        directory: &Path,
        machine: &MachineSpec,
        tools: &Tools,
        access: &Access,
        host: &Host,
    ) -> Result<Self, ClusterError> {
        let io = |what: &str, source| ClusterError::Io { what: what.to_owned(), source };
        let ports = crate::port::free().map_err(|source| io("cannot find free ports", source))?;
        let kubeconfig = access.kubeconfig(access::NODE.token)?;
        let parts = Self {
            directory: directory.to_owned(),
            machine: machine.clone(),
            tools: tools.clone(),
            kubeconfig,
            ports,
        };
        for name in ["containerd", "cni", "kubelet/plugins", "logs/pods"] {
            std::fs::create_dir_all(directory.join(name))
                .map_err(|source| io("cannot make a directory", source))?;
        }
        write(&parts.at("containerd/config.toml"), &parts.containerd_settings(host))?;
        write(&parts.at("cni/10-devcluster.conflist"), &parts.network_settings().to_string())?;
        write(&parts.at("kubelet/config.json"), &parts.kubelet_settings(&host.group()).to_string())?;
        write(&parts.at("Corefile"), &parts.names_settings())?;
        Ok(parts)
    }

    /// Path of an image's archive during its import.
    pub(super) fn archive(&self) -> PathBuf {
        self.at("image.tar")
    }

    pub(super) fn containerd(&self, host: &Host) -> Command {
        let mut command = Command::new(&host.machine().containerd);
        command.arg("--config").arg(self.at("containerd/config.toml"));
        command
    }

    /// containerd's command line, in the kubelet's part of it.
    pub(super) fn ctr(&self, host: &Host) -> Command {
        let mut command = Command::new(&host.machine().ctr);
        command.arg("--address").arg(self.socket()).args(["--namespace", "k8s.io"]);
        command
    }

    /// Checks that containerd answers.
    pub(super) fn answers(&self, host: &Host) -> Result<(), ClusterError> {
        let mut ctr = self.ctr(host);
        let answer = ctr.args(["images", "list", "--quiet"]).stdin(Stdio::null()).output();
        let answer = answer.map_err(|source| ClusterError::Io { what: "cannot run ctr".into(), source })?;
        let message = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
        if answer.status.success() {
            Ok(())
        } else {
            Err(ClusterError::Containerd { what: "images list".into(), message })
        }
    }

    pub(super) fn kubelet(&self) -> Command {
        let mut command = Command::new(self.tools.path(Tool::Kubelet));
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--config")
            .arg(self.at("kubelet/config.json"))
            .arg("--root-dir")
            .arg(self.at("kubelet"))
            .arg("--cert-dir")
            .arg(self.at("kubelet/pki"))
            .args([&format!("--hostname-override={}", self.machine.name), &format!("--node-ip={ADDRESS}")]);
        if !self.machine.labels.is_empty() {
            let labels: Vec<_> =
                self.machine.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            command.arg(format!("--node-labels={}", labels.join(",")));
        }
        command
    }

    pub(super) fn kube_proxy(&self) -> Command {
        let [_, _, health, metrics] = self.ports;
        let mut command = Command::new(self.tools.path(Tool::KubeProxy));
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(["--proxy-mode=iptables", &format!("--cluster-cidr={PODS}")])
            .arg(format!("--hostname-override={}", self.machine.name))
            // An answer goes the way of its question also where bridges pass iptables by.
            .arg("--masquerade-all")
            // It leaves the kernel's settings as they are.
            .args(["--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0"])
            .args(["--conntrack-tcp-timeout-close-wait=0", "--iptables-localhost-nodeports=false"])
            .arg(format!("--healthz-bind-address=127.0.0.1:{health}"))
            .arg(format!("--metrics-bind-address=127.0.0.1:{metrics}"));
        command
    }

    pub(super) fn coredns(&self) -> Command {
        let mut command = Command::new(self.tools.path(Tool::CoreDns));
        command.arg("-conf").arg(self.at("Corefile"));
        command
    }

    fn containerd_settings(&self, host: &Host) -> String {
        let at = |name: &str| self.at(name).display().to_string();
        let machine = host.machine();
        // Nothing can be laid over what is an overlay itself, as in a container.
        let overlay = crate::host::kind_at(&self.directory).is_some_and(|kind| kind == "overlay");
        let snapshotter = if overlay { "native" } else { "overlayfs" };
        format!(
            r#"version = 2
root = "{root}"
state = "{state}"
[grpc]
address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "{opt}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
# Without the right to lower it, runc could start nothing.
restrict_oom_score_adj = true
# So that they go with our directory.
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{snapshotter}"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{cni}"
"#,
            root = at("containerd/root"),
            state = at("containerd/state"),
            socket = self.socket().display(),
            opt = at("containerd/opt"),
            runc = machine.runc.display(),
            plugins = machine.plugins.display(),
            cni = at("cni"),
        )
    }

    /// Pods reach each other and this machine. No pod asks for more, so no packet is masqueraded.
    fn network_settings(&self) -> serde_json::Value {
        json!({
            "cniVersion": "0.4.0",
            "name": "devcluster",
            "plugins": [{
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": true,
                "ipMasq": false,
                // A pod may reach itself through its Service.
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": self.at("cni/addresses"),
                    "ranges": [[{ "subnet": PODS, "rangeStart": "10.88.0.10", "gateway": ADDRESS }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                },
            }],
        })
    }

    fn kubelet_settings(&self, group: &str) -> serde_json::Value {
        let [port, health, _, _] = self.ports;
        json!({
            "kind": "KubeletConfiguration",
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            // Only this machine and its pods reach it.
            "authentication": { "anonymous": { "enabled": true }, "webhook": { "enabled": false } },
            "authorization": { "mode": "AlwaysAllow" },
            "address": ADDRESS,
            "port": port,
            "healthzPort": health,
            "containerRuntimeEndpoint": format!("unix://{}", self.socket().display()),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": group,
            "failSwapOn": false,
            // Many machines still have version 1.
            "failCgroupV1": false,
            "clusterDNS": [ADDRESS],
            "clusterDomain": "cluster.local",
            "volumePluginDir": self.at("kubelet/plugins"),
            "podLogsDir": self.at("logs/pods"),
            // A disk that is nearly full is not a matter of tests.
            "evictionHard": { "memory.available": "100Mi" },
            // Images come once, by import: none may be cleaned away.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
        })
    }

    fn names_settings(&self) -> String {
        format!(
            ".:{NAMES} {{\n    bind {ADDRESS}\n    errors\n    kubernetes cluster.local {{\n        kubeconfig {}\n    }}\n}}\n",
            self.kubeconfig.display()
        )
    }

    /// Short: the operating system allows some hundred bytes.
    fn socket(&self) -> PathBuf {
        self.at("containerd.sock")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Checks that a server accepts a connection.
pub(super) async fn connects(address: SocketAddr) -> Result<(), ClusterError> {
    let connected = TcpStream::connect(address).await;
    connected
        .map(drop)
        .map_err(|source| ClusterError::Io { what: format!("nobody answers at {address}"), source })
}
