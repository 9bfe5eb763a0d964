//! The pinned Go modules that the tools are built from, the release files that have the same programs, and the key under
//! which they are cached. Pure.

use super::Tool;
use super::release::ReleaseFile;

/// A Go module of our own in `tests/devcluster/tools`, which only pins another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// Its directory in `tests/devcluster/tools`.
    pub(super) name: &'static str,
    /// The version of the module that it pins.
    pub(super) version: &'static str,
    /// Every file of it. They are part of this crate, so that it builds the same from wherever it runs.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// `-ldflags` of its builds.
    linker: &'static str,
    /// `-tags` of its builds.
    tags: &'static str,
    /// The official release file of the same version.
    pub(super) release: Option<ReleaseFile>,
}

pub(super) const ETCD: Module = Module {
    name: "etcd",
    version: "v3.6.16",
    files: &[
        ("go.mod", include_str!("../../tools/etcd/go.mod")),
        ("go.sum", include_str!("../../tools/etcd/go.sum")),
        ("main.go", include_str!("../../tools/etcd/main.go")),
    ],
    linker: "-s -w",
    tags: "",
    release: Some(ReleaseFile {
        version: "3.6.16",
        file: "github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-linux-{arch}.tar.gz",
        checksums: "github.com/etcd-io/etcd/releases/download/v{version}/SHA256SUMS",
        directory: "etcd-v{version}-linux-{arch}",
    }),
};

pub(super) const KUBERNETES: Module = Module {
    name: "kubernetes",
    version: "v1.34.4",
    files: &[
        ("go.mod", include_str!("../../tools/kubernetes/go.mod")),
        ("go.sum", include_str!("../../tools/kubernetes/go.sum")),
        ("tools.go", include_str!("../../tools/kubernetes/tools.go")),
    ],
    // The components refuse to work together, and the API server to answer /version sensibly, without a version.
    linker: "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4 \
             -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34",
    tags: "",
    release: Some(ReleaseFile {
        version: "1.34.4",
        file: "dl.k8s.io/v{version}/kubernetes-server-linux-{arch}.tar.gz",
        checksums: "dl.k8s.io/v{version}/kubernetes-server-linux-{arch}.tar.gz.sha512",
        directory: "kubernetes/server/bin",
    }),
};

pub(super) const HELM: Module = Module {
    name: "helm",
    version: "v4.3.1",
    files: &[
        ("go.mod", include_str!("../../tools/helm/go.mod")),
        ("go.sum", include_str!("../../tools/helm/go.sum")),
    ],
    linker: "-s -w",
    tags: "",
    release: Some(ReleaseFile {
        version: "4.3.1",
        file: "get.helm.sh/helm-v{version}-linux-{arch}.tar.gz",
        checksums: "get.helm.sh/helm-v{version}-linux-{arch}.tar.gz.sha256sum",
        directory: "linux-{arch}",
    }),
};

pub(super) const HELM3: Module = Module {
    name: "helm3",
    version: "v3.22.0",
    files: &[
        ("go.mod", include_str!("../../tools/helm3/go.mod")),
        ("go.sum", include_str!("../../tools/helm3/go.sum")),
    ],
    // As its own build does: without it renders for Kubernetes 1.20 where no cluster is asked.
    linker: "-s -w -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 \
             -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=37 \
             -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37",
    tags: "",
    release: Some(ReleaseFile {
        version: "3.22.0",
        file: "get.helm.sh/helm-v{version}-linux-{arch}.tar.gz",
        checksums: "get.helm.sh/helm-v{version}-linux-{arch}.tar.gz.sha256sum",
        directory: "linux-{arch}",
    }),
};

pub(super) const PROMETHEUS: Module = Module {
    name: "prometheus",
    version: "v0.313.5",
    files: &[
        ("go.mod", include_str!("../../tools/prometheus/go.mod")),
        ("go.sum", include_str!("../../tools/prometheus/go.sum")),
        ("main.go", include_str!("../../tools/prometheus/main.go")),
    ],
    // The Go module of Prometheus 3.x.y is v0.3xx.y.
    linker: "-s -w -X github.com/prometheus/common/version.Version=3.13.5",
    // Rules need no service discovery, and that brings the libraries of every cloud.
    tags: "remove_all_sd",
    release: Some(ReleaseFile {
        version: "3.13.5",
        file: "github.com/prometheus/prometheus/releases/download/v{version}/prometheus-{version}.linux-{arch}.tar.gz",
        checksums: "github.com/prometheus/prometheus/releases/download/v{version}/sha256sums.txt",
        directory: "prometheus-{version}.linux-{arch}",
    }),
};

pub(super) const COREDNS: Module = Module {
    name: "coredns",
    version: "v1.15.0",
    files: &[
        ("go.mod", include_str!("../../tools/coredns/go.mod")),
        ("go.sum", include_str!("../../tools/coredns/go.sum")),
        ("main.go", include_str!("../../tools/coredns/main.go")),
    ],
    linker: "-s -w",
    tags: "",
    release: Some(ReleaseFile {
        version: "1.15.0",
        file: "github.com/coredns/coredns/releases/download/v{version}/coredns_{version}_linux_{arch}.tgz",
        checksums: "github.com/coredns/coredns/releases/download/v{version}/coredns_{version}_linux_{arch}.tgz.sha256",
        directory: "",
    }),
};

/// The module that `tool` is built from.
pub(super) fn module(tool: Tool) -> &'static Module {
    match tool {
        Tool::Etcd => &ETCD,
        Tool::Apiserver
        | Tool::ControllerManager
        | Tool::Scheduler
        | Tool::Kubectl
        | Tool::Kubelet
        | Tool::KubeProxy => &KUBERNETES,
        Tool::Helm => &HELM,
        Tool::Helm3 => &HELM3,
        Tool::CoreDns => &COREDNS,
        Tool::Promtool | Tool::Promql => &PROMETHEUS,
    }
}

/// The arguments of the `go build` that makes `tools` of one module, without its output. One build of several programs
/// compiles what they share once, and links them side by side.
pub(super) fn build_arguments(module: &Module, tools: &[Tool]) -> Vec<&'static str> {
    // Debug information would be compiled into every package and then dropped by the linker.
    let flags = ["-gcflags=all=-dwarf=false", "-tags", module.tags, "-ldflags", module.linker];
    flags.into_iter().chain(tools.iter().map(|&tool| package(tool))).collect()
}

/// Name of the file that `go build` writes for `tool`: the last part of its package's path.
pub(super) fn output(tool: Tool) -> &'static str {
    package(tool).rsplit('/').next().unwrap_or_default()
}

/// Import path of the `main` package of `tool`.
fn package(tool: Tool) -> &'static str {
    match tool {
        Tool::Etcd => "seinode-operator.local/tools/etcd",
        Tool::Apiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
        Tool::ControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
        Tool::Scheduler => "k8s.io/kubernetes/cmd/kube-scheduler",
        Tool::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
        Tool::Helm => "helm.sh/helm/v4/cmd/helm",
        Tool::Helm3 => "helm.sh/helm/v3/cmd/helm",
        Tool::Kubelet => "k8s.io/kubernetes/cmd/kubelet",
        Tool::KubeProxy => "k8s.io/kubernetes/cmd/kube-proxy",
        Tool::CoreDns => "seinode-operator.local/tools/coredns",
        Tool::Promtool => "github.com/prometheus/prometheus/cmd/promtool",
        Tool::Promql => "seinode-operator.local/tools/prometheus",
    }
}

/// The environment of every build: reproducible, static, and unaffected by a workspace or flags of the user's.
pub(super) const ENVIRONMENT: [(&str, &str); 3] =
    [("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly -buildvcs=false -trimpath"), ("GOWORK", "off")];

impl Module {
    /// The name of its directory in the cache: another one as soon as anything changes that the binaries depend on.
    pub(super) fn directory(&self) -> String {
        format!("{}-{}-{}", self.name, self.version, &self.key()[..12])
    }

    /// The Go version that it requires.
    pub(super) fn go_version(&self) -> &'static str {
        let go_mod = self.files.iter().find(|(name, _)| *name == "go.mod").map_or("", |(_, text)| *text);
        go_mod.lines().find_map(|line| line.strip_prefix("go ")).unwrap_or_default().trim()
    }

    fn key(&self) -> String {
        let mut all = format!("{} {} {}", std::env::consts::OS, std::env::consts::ARCH, self.linker);
        for (name, value) in ENVIRONMENT.iter().chain(self.files) {
            // Lengths, so that no two different lists of files read the same.
            all.push_str(&format!("\n{name} {}\n{value}", value.len()));
        }
        if !self.tags.is_empty() {
            all.push_str(&format!("\ntags {}", self.tags));
        }
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, all.as_bytes()).simple().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_here_are_those_of_the_go_mod_files() {
        for (module, path) in [
            (&ETCD, "go.etcd.io/etcd/server/v3"),
            (&KUBERNETES, "k8s.io/kubernetes"),
            (&HELM, "helm.sh/helm/v4"),
            (&PROMETHEUS, "github.com/prometheus/prometheus"),
            (&HELM3, "helm.sh/helm/v3"),
            (&COREDNS, "github.com/coredns/coredns"),
        ] {
            let pinned = format!("{path} {}", module.version);
            assert!(module.files[0].1.contains(&pinned), "{}: no `{pinned}` in go.mod", module.name);
        }
        for module in [&ETCD, &KUBERNETES, &HELM, &HELM3, &COREDNS] {
            let released = module.release.as_ref().map(|file| format!("v{}", file.version));
            assert_eq!(released.as_deref(), Some(module.version), "{}", module.name);
        }
        let released = PROMETHEUS.release.as_ref().unwrap().version;
        assert_eq!(PROMETHEUS.version, format!("v0.3{}", released.strip_prefix("3.").unwrap()));
        assert!(PROMETHEUS.linker.ends_with(released), "promtool reports another version");
        let stamp = format!("gitVersion={} ", KUBERNETES.version);
        assert!(KUBERNETES.linker.contains(&stamp), "the stamped version is another one");
        let client = HELM3.files[0].1.split_once("k8s.io/client-go v0.").unwrap().1;
        let minor = client.split('.').next().unwrap();
        assert!(HELM3.linker.ends_with(&format!("k8sVersionMinor={minor}")), "Helm 3 is built for {minor}");
    }

    #[test]
    fn every_module_names_its_go_version() {
        for module in [&ETCD, &KUBERNETES, &HELM, &HELM3, &PROMETHEUS, &COREDNS] {
            assert!(module.go_version().starts_with("1."), "{}: {:?}", module.name, module.go_version());
        }
    }

    #[test]
    fn the_cache_directory_is_stable_and_changes_with_every_ingredient() {
        let module = Module {
            name: "m",
            version: "v1",
            files: &[("go.mod", "a"), ("go.sum", "b")],
            linker: "-s",
            tags: "",
            release: None,
        };
        let same = Module {
            name: "m",
            version: "v1",
            files: &[("go.mod", "a"), ("go.sum", "b")],
            linker: "-s",
            tags: "",
            release: None,
        };
        assert_eq!(module.directory(), same.directory());
        for other in [
            Module { version: "v2", ..module_like(&module) },
            Module { files: &[("go.mod", "a"), ("go.sum", "c")], ..module_like(&module) },
            Module { files: &[("go.mod", "a")], ..module_like(&module) },
            Module { files: &[("go.mod", "ab"), ("go.sum", "")], ..module_like(&module) },
            Module { linker: "-w", ..module_like(&module) },
            Module { tags: "t", ..module_like(&module) },
        ] {
            assert_ne!(module.directory(), other.directory(), "{other:?}");
        }
    }

    fn module_like(module: &Module) -> Module {
        Module {
            name: module.name,
            version: module.version,
            files: module.files,
            linker: module.linker,
            tags: module.tags,
            release: None,
        }
    }
}
