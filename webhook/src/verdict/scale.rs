//! Verdicts on `statefulsets/scale`: `kubectl scale`, autoscalers.
//!
//! A Scale has no labels, so no object selector finds those of nodes. Its `status.selector` is the set's selector as text.

use seinode_api::names;

use super::{Verdict, stateful_set::stopped};
use crate::{guard, request::Request, view::View};

/// Denies more than one replica for the set of a node. Allows everything for the sets of others.
pub(super) fn validate(request: &Request<'_>) -> Verdict {
    let (new, old) = (request.object, request.old);
    let Some(node) = node_of(old).or_else(|| node_of(new)) else { return Verdict::default() };
    let mut verdict = Verdict::default();
    let (wanted, before) = (replicas(new), replicas(old));
    if wanted > 1 && wanted != before {
        verdict.violations.push(guard::ONE_REPLICA.broken_by(&node));
    }
    if wanted == 0 && before != 0 {
        verdict.warnings.push(stopped(&node));
    }
    verdict
}

/// In a Scale, absent means 0.
fn replicas(scale: View<'_>) -> i64 {
    scale.at(&["spec", "replicas"]).as_i64().unwrap_or(0)
}

/// The node in a selector such as `app=x,sei.io/node=a`, or `sei.io/node in (a)` where it was written as an expression.
fn node_of(scale: View<'_>) -> Option<String> {
    let selector = scale.at(&["status", "selector"]).as_str()?;
    selector.split(',').find_map(|requirement| {
        let rest = requirement.strip_prefix(names::NODE_LABEL)?;
        let node = rest.strip_prefix('=').or_else(|| rest.strip_prefix(" in ("))?;
        Some(node.trim_end_matches(')').to_owned())
    })
}

#[cfg(test)]
mod tests;
