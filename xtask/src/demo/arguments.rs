//! The command line of the demo.

const EXAMPLES: &str = "\
Examples:
  cargo demo                 the whole story, then everything is gone again
  cargo demo --keep          … and stays, with a kubeconfig to poke at, until Ctrl-C
  cargo demo --keep --slow   slow enough to watch along with `kubectl get snode -A --watch`
  cargo demo --real-node     … in containers on this machine, as root
  cargo demo | cat           plain lines, as in a CI log

The first run takes some minutes: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl and \
helm are built from source with Go, into $SEINODE_DEVCLUSTER_CACHE (default ~/.cache/seinode-operator/tools), once for all \
checkouts. Tools of a fitting version in $KUBEBUILDER_ASSETS or on PATH are used instead.

NO_COLOR=1 turns colours and the live display off. Exit code: 0 when the nodes came up, 1 when not, 130 after Ctrl-C.";

/// Watch three SeiNodes come up on a real Kubernetes API, on this machine.
///
/// Starts etcd, the API server, the controllers and the scheduler, installs the SeiNode resource definition, runs the
/// operator of this checkout behind the guardrails of its chart, applies the three SeiNodes of examples/, shows how
/// their plans get on, and makes edits by hand that are refused. No container engine is needed and no container runs:
/// the kubelet is played, and a small server plays the sidecar in each pod. Everything else is the real thing. Your
/// own clusters and kubeconfigs are not touched, and nothing is left behind.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Keep everything running until Ctrl-C, also when something failed, and say how to look at it.
    #[arg(long)]
    keep: bool,
    /// Let the simulated sidecars take seconds to start and for each task, as real ones do. Takes about half a minute.
    #[arg(long)]
    slow: bool,
    /// Run containers: with containerd, kubelet and kube-proxy on this machine, the operator's image, its
    /// Service, sidecars as containers. Needs root and some Debian packages; it says which are missing.
    #[arg(long, conflicts_with = "slow")]
    real_node: bool,
}

/// Time at which the demo ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// After the summary.
    AtOnce,
    /// At somebody's request.
    OnInterrupt,
}

/// Runner of the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machinery {
    /// Nothing: the kubelet is played.
    Simulated,
    /// This machine.
    Real,
}

/// Speed of the simulated sidecars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// They answer and finish at once.
    Instant,
    /// They take seconds.
    Lifelike,
}

impl Arguments {
    pub(crate) fn ending(&self) -> Ending {
        if self.keep { Ending::OnInterrupt } else { Ending::AtOnce }
    }

    pub(crate) fn machinery(&self) -> Machinery {
        if self.real_node { Machinery::Real } else { Machinery::Simulated }
    }

    pub(crate) fn pace(&self) -> Pace {
        if self.slow { Pace::Lifelike } else { Pace::Instant }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Demo {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Demo::try_parse_from(line.split(' ')).map(|demo| demo.arguments)
    }

    #[test]
    fn flags_choose_ending_pace_and_machinery() {
        let chosen = |line| parse(line).map(|it| (it.ending(), it.pace(), it.machinery())).unwrap();
        assert_eq!(chosen("demo"), (Ending::AtOnce, Pace::Instant, Machinery::Simulated));
        assert_eq!(chosen("demo --keep --slow"), (Ending::OnInterrupt, Pace::Lifelike, Machinery::Simulated));
        assert_eq!(chosen("demo --real-node --keep"), (Ending::OnInterrupt, Pace::Instant, Machinery::Real));
        assert!(parse("demo --real-node --slow").is_err());
    }
}
