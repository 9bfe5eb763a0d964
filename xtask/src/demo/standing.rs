//! Progress of a SeiNode, read from its status as any user could. Pure.

use seinode_api::{SeiNode, status::Phase};

/// Progress of a node, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The phase; `created` before there is one.
    pub(crate) phase: String,
    /// Tasks of the plan that are done.
    pub(crate) done: u64,
    /// Tasks of the plan.
    pub(crate) of: u64,
    /// The task that is under way and what it waits for.
    pub(crate) at: String,
}

impl Standing {
    /// Reads a node; `before` is how it stood when it was last looked at.
    pub(crate) fn of(node: &SeiNode, before: Option<&Self>) -> Self {
        let status = node.status.clone().unwrap_or_default();
        let phase = status.phase.map_or_else(|| "created".to_owned(), |phase| format!("{phase:?}"));
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        match status.plan {
            Some(plan) => {
                let done = plan.tasks.iter().take_while(|task| task.status == "Complete").count();
                let task = plan.tasks.get(done).map_or("", |task| task.type_.as_str());
                let at = match plan.message.as_deref() {
                    None | Some("") => task.to_owned(),
                    // Some reasons name the task themselves.
                    Some(why) if why.starts_with(task) => why.to_owned(),
                    Some(why) => format!("{task}: {why}"),
                };
                Self { phase, done: count(done), of: count(plan.tasks.len()), at }
            }
            // The plan of a node that has come up is gone from its status; how long it was is remembered here.
            None => {
                let of = before.map_or(0, |before| before.of);
                let done = if is_running(node) { of } else { 0 };
                Self { phase, done, of, at: ready_message(node).unwrap_or_default() }
            }
        }
    }
}

/// Returns true if the node is up.
pub(crate) fn is_running(node: &SeiNode) -> bool {
    node.status.as_ref().is_some_and(|status| status.phase == Some(Phase::Running))
}

/// Status of a condition; empty when it is missing.
pub(crate) fn condition<'a>(node: &'a SeiNode, type_: &str) -> &'a str {
    let conditions = node.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().find(|condition| condition.type_ == type_).map_or("", |found| &found.status)
}

/// Message of the condition Ready.
pub(crate) fn ready_message(node: &SeiNode) -> Option<String> {
    let mut conditions = node.status.iter().flat_map(|status| &status.conditions);
    conditions.find(|condition| condition.type_ == "Ready").map(|ready| ready.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(status: &str) -> SeiNode {
        let text = format!("spec: {{chainId: c, image: i, fullNode: {{}}}}\nmetadata: {{name: n}}\n{status}");
        serde_norway::from_str(&text).unwrap()
    }

    fn standing(phase: &str, done: u64, of: u64, at: &str) -> Standing {
        Standing { phase: phase.to_owned(), done, of, at: at.to_owned() }
    }

    #[test]
    fn a_node_is_followed_from_nothing_over_its_plan_to_running() {
        let new = Standing::of(&node(""), None);
        assert_eq!(new, standing("created", 0, 0, ""));
        let planned = Standing::of(
            &node(
                "status: {phase: Initializing, plan: {message: the sidecar is at work, tasks: [
                   {type: ensure-data-pvc, status: Complete}, {type: config-apply, status: Running},
                   {type: mark-ready, status: Pending}]}}",
            ),
            Some(&new),
        );
        assert_eq!(planned, standing("Initializing", 1, 3, "config-apply: the sidecar is at work"));
        let text = "status: {phase: Running, conditions: [
          {type: Ready, status: 'True', reason: Running, message: up, lastTransitionTime: 2026-01-01T00:00:00Z}]}";
        let running = node(text);
        assert_eq!(Standing::of(&running, Some(&planned)), standing("Running", 3, 3, "up"));
        assert!(is_running(&running));
        assert_eq!((condition(&running, "Ready"), condition(&running, "Available")), ("True", ""));
    }
}
