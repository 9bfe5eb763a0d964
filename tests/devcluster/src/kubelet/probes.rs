//! Probes of running containers. A test may answer them; unanswered probes succeed. Pure.
//!
//! Delays, thresholds and periods of the spec are not imitated: a probe counts at once. Liveness probes are not asked.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container as Spec, Pod, Probe as ProbeSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::behaviour::{Behaviour, Readiness};
use super::container::{Container, Kind, Probed};

/// A probe of a running container.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Name of the container.
    pub container: &'a str,
    /// Kind of probe.
    pub kind: ProbeKind,
    /// Port number of an HTTP probe.
    pub port: Option<i32>,
    /// Path of an HTTP probe.
    pub path: Option<&'a str>,
}

/// Kind of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Until it succeeds once, the container has not started.
    Startup,
    /// As long as it succeeds, the container is ready.
    Readiness,
}

/// Answer to probes: whether they succeed.
pub(super) type Answer = Arc<dyn Fn(&Probe<'_>) -> bool + Send + Sync>;

/// Results of the probes of a running container.
pub(super) fn probed(
    pod: &Pod,
    container: &Container,
    behaviour: &Behaviour,
    answer: Option<&Answer>,
) -> Probed {
    let Some(spec) = spec(pod, &container.name) else { return Probed::default() };
    let succeeds = |probe: Option<&ProbeSpec>, kind| match (probe, answer) {
        (Some(probe), Some(answer)) => {
            let http = probe.http_get.as_ref();
            let port = http.and_then(|http| match http.port {
                IntOrString::Int(port) => Some(port),
                IntOrString::String(_) => None,
            });
            let path = http.and_then(|http| http.path.as_deref());
            answer(&Probe { pod, container: &container.name, kind, port, path })
        }
        _ => true,
    };
    let started = container.probed.started || succeeds(spec.startup_probe.as_ref(), ProbeKind::Startup);
    let never = behaviour
        .containers
        .get(&container.name)
        .is_some_and(|behaviour| behaviour.readiness == Readiness::Never);
    let ready = started
        && !never
        && container.kind != Kind::Init
        && succeeds(spec.readiness_probe.as_ref(), ProbeKind::Readiness);
    Probed { started, ready }
}

fn spec<'a>(pod: &'a Pod, name: &str) -> Option<&'a Spec> {
    let spec = pod.spec.as_ref()?;
    spec.init_containers.iter().flatten().chain(&spec.containers).find(|container| container.name == name)
}
