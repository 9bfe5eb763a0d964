//! Parameters of sidecar tasks as they go over the wire (plans-tasks-sidecar §2.7, §6).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    intent::{Intent, Mode, PeerSource},
    task::TaskType,
};

/// The parameters of a task; `None` for a task that takes none.
pub(super) fn of(task: TaskType, intent: &Intent, peers: &BTreeSet<String>) -> Option<Value> {
    match task {
        TaskType::ConfigApply => Some(config(intent)),
        TaskType::DiscoverPeers => Some(sources(intent, peers)),
        TaskType::ConfigureGenesis
        | TaskType::ConfigValidate
        | TaskType::MarkReady
        | TaskType::EnsureDataPvc
        | TaskType::ApplyStatefulset
        | TaskType::ApplyService => None,
    }
}

/// `config-apply`: the whole configuration, never an increment. The user's keys win over ours (W33).
fn config(intent: &Intent) -> Value {
    let mode = match intent.mode {
        Mode::FullNode { .. } | Mode::Replayer { .. } => "full",
        Mode::Archive { .. } => "archive",
        Mode::Validator { .. } => "validator",
    };
    let mut overrides = BTreeMap::from([("logging.level", "info")]);
    overrides.extend(intent.overrides.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    json!({ "mode": mode, "incremental": false, "targetVersion": 0, "overrides": overrides })
}

/// `discover-peers`: one source for each of the spec's; every label source gets all resolved addresses.
fn sources(intent: &Intent, peers: &BTreeSet<String>) -> Value {
    let sources = intent.peers.iter().map(|source| match source {
        PeerSource::Ec2Tags { region, tags } => json!({ "type": "ec2Tags", "region": region, "tags": tags }),
        PeerSource::Static { addresses } => json!({ "type": "static", "addresses": addresses }),
        PeerSource::Label { .. } => json!({ "type": "dnsEndpoints", "endpoints": peers }),
    });
    json!({ "sources": sources.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(rest: &str) -> Intent {
        let spec = format!("spec:\n  chainId: c\n  image: i\n  fullNode: {{}}\n{rest}");
        let node = format!("metadata: {{name: n, namespace: s}}\n{spec}");
        Intent::parse(&serde_norway::from_str(&node).unwrap()).unwrap()
    }

    #[test]
    fn config_apply_is_whole_and_logs_at_info_unless_the_user_says_otherwise() {
        let params = |rest| of(TaskType::ConfigApply, &intent(rest), &BTreeSet::new()).unwrap();
        assert_eq!(
            params(""),
            json!({"mode":"full","incremental":false,"targetVersion":0,"overrides":{"logging.level":"info"}})
        );
        assert_eq!(
            params("  overrides: {logging.level: debug, evm.http_port: '1'}\n")["overrides"],
            json!({"logging.level":"debug","evm.http_port":"1"})
        );
    }

    #[test]
    fn discover_peers_names_every_source_in_order() {
        let spec = "  peers:
  - {label: {selector: {a: b}}}
  - {static: {addresses: ['x@h:1']}}
  - {ec2Tags: {region: r, tags: {k: v}}}
";
        let peers = BTreeSet::from(["p-0.p.s.svc.cluster.local".to_owned()]);
        assert_eq!(
            of(TaskType::DiscoverPeers, &intent(spec), &peers).unwrap(),
            json!({"sources":[
                {"type":"dnsEndpoints","endpoints":["p-0.p.s.svc.cluster.local"]},
                {"type":"static","addresses":["x@h:1"]},
                {"type":"ec2Tags","region":"r","tags":{"k":"v"}}
            ]})
        );
    }

    #[test]
    fn tasks_without_parameters_send_none() {
        for task in [TaskType::ConfigureGenesis, TaskType::ConfigValidate, TaskType::MarkReady] {
            assert_eq!(of(task, &intent(""), &BTreeSet::new()), None);
        }
    }
}
