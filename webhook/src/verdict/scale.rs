//! Verdicts on `statefulsets/scale`: `kubectl scale`, autoscalers.
//!
//! A Scale has no labels, so no object selector finds those of nodes. Its `status.selector` says whose it is, as text.

use seinode_api::names;
use serde_json::Value;

use super::{Verdict, stateful_set::stopped};
use crate::{guard, request::Request};

/// Refuses more than one replica for the set of a node. Says nothing of anybody else's.
pub(super) fn validate(request: &Request) -> Verdict {
    let (new, old) = (&request.object, &request.old);
    let Some(node) = node_of(old).or_else(|| node_of(new)) else { return Verdict::default() };
    let mut verdict = Verdict::default();
    let (wanted, before) = (replicas(new), replicas(old));
    if wanted > 1 && wanted != before {
        verdict.violations.push(guard::ONE_REPLICA.broken_by(node));
    }
    if wanted == 0 && before != 0 {
        verdict.warnings.push(stopped(node));
    }
    verdict
}

/// In a Scale, absent means 0.
fn replicas(scale: &Value) -> i64 {
    scale["spec"]["replicas"].as_i64().unwrap_or(0)
}

fn node_of(scale: &Value) -> Option<&str> {
    let mut requirements = scale["status"]["selector"].as_str()?.split(',');
    requirements.find_map(|it| it.strip_prefix(names::NODE_LABEL)?.strip_prefix('='))
}

#[cfg(test)]
mod tests;
