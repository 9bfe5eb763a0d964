//! The command line of the demo.

use std::ffi::OsString;

use clap::Parser;

const EXAMPLES: &str = "\
Examples:
  cargo demo                 the whole story, then everything is gone again
  cargo demo --keep          … and stays, with a kubeconfig to poke at, until Ctrl-C
  cargo demo --keep --slow   slow enough to watch along with `kubectl get snode -A --watch`
  cargo demo --real-node     … in containers on this machine, as root
  cargo demo | cat           plain lines, as in a CI log

The first run takes some minutes: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok, kubectl and \
helm are built from source with Go, into $SEINODE_DEVCLUSTER_CACHE (default ~/.cache/seinode-operator/tools), once for all \
checkouts. Tools of a fitting version in $KUBEBUILDER_ASSETS or on PATH are used instead.

NO_COLOR=1 turns colours and the live display off. Exit code: 0 when the nodes came up, 1 when not, 130 after Ctrl-C.";

/// Watch three SeiNodes come up on a real Kubernetes API, on this machine.
///
/// Starts etcd, the API server, the controllers and the scheduler, installs the SeiNode resource definition, runs the
/// operator of this checkout behind the guardrails of its chart, applies the three SeiNodes of examples/, shows how
/// their plans get on, and makes edits by hand that are refused. No container engine is needed and no container runs:
/// kwok plays the kubelet, and a small server plays the sidecar in each pod. Everything else is the real thing. Your
/// own clusters and kubeconfigs are not touched, and nothing is left behind.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo", after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Keep everything running until Ctrl-C, also when something failed, and say how to look at it.
    #[arg(long)]
    keep: bool,
    /// Let the simulated sidecars take seconds to start and for each task, as real ones do. Takes about half a minute.
    #[arg(long)]
    slow: bool,
    /// Run containers: with containerd, kubelet and kube-proxy on this machine in kwok's place, the operator's image, its
    /// Service, sidecars as containers. Needs root and some Debian packages; it says which are missing.
    #[arg(long, conflicts_with = "slow")]
    real_node: bool,
}

/// When the demo ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// After the summary.
    AtOnce,
    /// When somebody asks for it.
    OnInterrupt,
}

/// What runs the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machinery {
    /// Nothing: kwok plays the kubelet.
    Simulated,
    /// This machine.
    Real,
}

/// How fast the simulated sidecars are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// They answer and finish at once.
    Instant,
    /// They take seconds.
    Lifelike,
}

impl Arguments {
    /// Parses the arguments of this process; ends it when they are wrong or ask for help.
    pub(crate) fn of_this_process() -> Self {
        Self::parse_from(without_separator(std::env::args_os()))
    }

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

/// The alias `cargo demo` ends in `--`, so that `cargo demo --keep` works; of `cargo demo -- --keep`, which people
/// know from other cargo commands, a second `--` arrives here.
fn without_separator(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments
        .enumerate()
        .filter(|(index, argument)| *index != 1 || argument != "--")
        .map(|(_, argument)| argument)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[track_caller]
    fn check(line: &str, expected: (Ending, Pace)) {
        let words = line.split(' ').map(OsString::from);
        let arguments = Arguments::try_parse_from(without_separator(words)).unwrap();
        assert_eq!((arguments.ending(), arguments.pace()), expected);
    }

    #[test]
    fn flags_are_understood_with_and_without_a_separator() {
        check("demo", (Ending::AtOnce, Pace::Instant));
        check("demo --keep", (Ending::OnInterrupt, Pace::Instant));
        check("demo -- --keep --slow", (Ending::OnInterrupt, Pace::Lifelike));
        check("demo --", (Ending::AtOnce, Pace::Instant));
    }

    #[test]
    fn a_real_node_is_asked_for() {
        let arguments = Arguments::try_parse_from(["demo", "--real-node", "--keep"]).unwrap();
        assert_eq!(arguments.machinery(), Machinery::Real);
        assert!(Arguments::try_parse_from(["demo", "--real-node", "--slow"]).is_err());
    }

    #[test]
    fn the_definition_is_sound_and_the_help_shows_how_to_start() {
        Arguments::command().debug_assert();
        let help = Arguments::command().render_long_help().to_string();
        assert!(help.contains("cargo demo --keep"), "{help}");
    }
}
