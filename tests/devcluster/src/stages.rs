//! How kwok plays the kubelet: our own stages, and the annotations with which a pod is told to misbehave.
//!
//! The stages themselves are the YAML files in `tests/devcluster/stages`; each says what it imitates. Put the
//! annotations on a StatefulSet's pod template or on a running pod. Some images misbehave without any annotation: what
//! the constants that end in `_IMAGE` hold is a part of their name or tag.
//!
//! What kwok cannot do safely, removing a pod that has ended, this crate does itself.
//!
//! A pod counts as ready when its containers run: kwok does not ask their probes.

/// How the pod behaves: [`CRASH_LOOP`], [`IMAGE_PULL_FAILURE`], and for pods that are not restarted [`COMPLETE`] or
/// [`FAIL`]. Without it, it runs and becomes ready. Taking it away heals a pod that crashed or could not pull.
pub const BEHAVIOUR: &str = "devcluster.sei.io/behaviour";
/// The main containers exit with 1 again and again; the restart count grows.
pub const CRASH_LOOP: &str = "crash-loop";
/// The image of the first main container cannot be pulled, wherever the pod uses it.
pub const IMAGE_PULL_FAILURE: &str = "image-pull-failure";
/// The main containers exit with 0.
pub const COMPLETE: &str = "complete";
/// The main containers exit with 1.
pub const FAIL: &str = "fail";
/// A duration such as `5s`: the containers wait that long before they run.
pub const START_DELAY: &str = "devcluster.sei.io/start-delay";
/// A duration: a deleted pod's containers take that long to end. The grace period does not cut it short.
pub const STOP_DELAY: &str = "devcluster.sei.io/stop-delay";
/// A duration: how long a pod runs before it completes or fails.
pub const RUN_FOR: &str = "devcluster.sei.io/run-for";
/// Each new value restarts the container `sei-sidecar` of a running pod once. Not while [`BEHAVIOUR`] is set.
pub const RESTART_SIDECAR: &str = "devcluster.sei.io/restart-sidecar";
/// What an image that cannot be pulled has in its name or tag.
pub const ABSENT_IMAGE: &str = "does-not-exist";
/// What a main container's image has that exits with 42 again and again, as [`CRASH_LOOP`] does with 1.
pub const CRASHING_IMAGE: &str = "exits-with-42";
/// What a main container's image has when the pod's first init container exits with 1 again and again.
pub const INIT_FAILING_IMAGE: &str = "init-fails";
/// What a main container's image has when a volume of the pod is never attached: it gets no sandbox and no address.
pub const VOLUMELESS_IMAGE: &str = "volume-missing";
/// What a main container's image has that runs and never becomes ready, as at an upgrade height.
pub const HALTED_IMAGE: &str = "halted";

/// Every stage, as the configuration file of kwok.
#[must_use]
pub(crate) fn all() -> String {
    [
        include_str!("../stages/node.yaml"),
        include_str!("../stages/pod-start.yaml"),
        include_str!("../stages/pod-halt.yaml"),
        include_str!("../stages/pod-volume.yaml"),
        include_str!("../stages/pod-image-pull.yaml"),
        include_str!("../stages/pod-crash.yaml"),
        include_str!("../stages/pod-init-crash.yaml"),
        include_str!("../stages/pod-restart.yaml"),
        include_str!("../stages/pod-end.yaml"),
    ]
    .join("---\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotations_named_here_are_those_that_the_stages_know() {
        let stages = all();
        for name in [BEHAVIOUR, START_DELAY, STOP_DELAY, RUN_FOR, RESTART_SIDECAR] {
            assert!(stages.contains(&format!("\"{name}\"")), "no stage reads the annotation {name}");
        }
        for value in [CRASH_LOOP, IMAGE_PULL_FAILURE, COMPLETE, FAIL] {
            assert!(stages.contains(value), "no stage knows {value}");
        }
    }

    #[test]
    fn the_images_named_here_are_those_that_the_stages_know() {
        let stages = all();
        for part in [ABSENT_IMAGE, CRASHING_IMAGE, INIT_FAILING_IMAGE, VOLUMELESS_IMAGE, HALTED_IMAGE] {
            let asked = format!("select(contains(\"{part}\"))");
            assert!(stages.contains(&asked), "no stage knows {part}");
        }
    }
}
