//! `spec.overrides`: only keys that sei-config knows, so that a typo is told when the spec is read and not by a
//! node that does not start (W2; registry of sei-config v0.0.14: plans-tasks-sidecar §6.4).

use std::collections::BTreeMap;

use seinode_api::names;

use crate::violation::Violation;

/// The keys that sei-config knows, by table.
const REGISTRY: &str = include_str!("overrides/registry.txt");

/// A suggestion is made only for a key at least this alike (Jaro-Winkler, 1 is the same).
const ALIKE: f64 = 0.85;

/// Longest key in bytes that gets a suggestion: comparing takes the product of both lengths.
const COMPARABLE: usize = 64;

/// Most violations of one spec that come with a suggestion.
const SUGGESTIONS: usize = 20;

/// Keys that the registry lists but that no override can set: their types are not text (sidecar contract).
const UNSETTABLE: [&str; 2] = ["metrics.global_labels", "consensus.unsafe_bypass_commit_timeout_override"];

/// Treatment of keys that the registry lacks: they may pass for sidecars that are newer than it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    Refused,
    Allowed,
}

/// Checks the keys of `spec.overrides`. Values are checked by the sidecar, which knows their types.
pub(super) fn check(overrides: &BTreeMap<String, String>, unknown: Unknown, found: &mut Vec<Violation>) {
    for key in overrides.keys() {
        let field = format!("spec.overrides[{key}]");
        if UNSETTABLE.contains(&key.as_str()) {
            found.push(Violation::new(&field, "this key cannot be set through overrides", "remove it"));
        } else if unknown == Unknown::Refused && !is_known(key) {
            let comparable = key.len() <= COMPARABLE && found.len() < SUGGESTIONS;
            let remedy = match comparable.then(|| nearest(key)).flatten() {
                Some(near) => format!("did you mean {near}?"),
                None => "correct or remove it".to_owned(),
            };
            let remedy = format!(
                "{remedy} If your sidecar is newer than this operator, annotate the SeiNode with {}: \"true\"",
                names::ALLOW_UNKNOWN_OVERRIDES_ANNOTATION
            );
            found.push(Violation::new(&field, "sei-config knows no such key", remedy));
        }
    }
}

/// The keys that pass only because unknown ones may.
pub(super) fn strangers(overrides: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    overrides.keys().map(String::as_str).filter(|key| !is_known(key))
}

/// Without spelling out the registry: every review of a SeiNode asks this for each of its keys.
fn is_known(key: &str) -> bool {
    let (table, last) = match key.rsplit_once('.') {
        Some(("", _)) => return false,
        Some(parts) => parts,
        None => ("", key),
    };
    let mut of_table = tables().filter(|(name, _)| *name == table);
    of_table.any(|(_, keys)| keys.split_ascii_whitespace().any(|key| key == last))
}

/// The tables of the registry, with the keys of each.
fn tables() -> impl Iterator<Item = (&'static str, &'static str)> {
    REGISTRY.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "))
}

fn all() -> impl Iterator<Item = String> {
    tables().flat_map(|(table, keys)| {
        keys.split_ascii_whitespace().map(move |key| match table {
            "" => key.to_owned(),
            table => format!("{table}.{key}"),
        })
    })
}

fn nearest(key: &str) -> Option<String> {
    let rated = all().map(|known| (strsim::jaro_winkler(&known, key), known));
    let (likeness, best) = rated.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (likeness >= ALIKE).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: &str, unknown: Unknown) -> Vec<Violation> {
        let mut found = Vec::new();
        check(&BTreeMap::from([(key.to_owned(), "1".to_owned())]), unknown, &mut found);
        found
    }

    #[test]
    fn the_registry_is_whole() {
        assert_eq!(all().count(), 224);
        assert!(all().all(|key| is_known(&key)));
        assert!(![".version", "chain", "chain.", "", "rpc.unsafe"].into_iter().any(is_known));
        for key in [
            "version",
            "evm.http_port",
            "storage.state_commit.memiavl.snapshot_keep_recent",
            "api.grpc.address",
        ] {
            assert!(found(key, Unknown::Refused).is_empty(), "{key}");
        }
    }

    #[test]
    fn a_typo_gets_the_key_that_was_meant() {
        for (typo, meant) in [
            ("evm.http_prot", "evm.http_port"),
            ("loging.level", "logging.level"),
            ("network.p2p.max_conections", "network.p2p.max_connections"),
        ] {
            let violation = &found(typo, Unknown::Refused)[0];
            assert_eq!(violation.field, format!("spec.overrides[{typo}]"));
            assert!(violation.remedy.contains(&format!("did you mean {meant}?")), "{violation}");
        }
        let stranger = &found("zzz", Unknown::Refused)[0];
        assert!(!stranger.remedy.contains("did you mean"), "{stranger}");
    }

    #[test]
    fn many_or_long_unknown_keys_get_no_suggestion() {
        let near = |number: usize| format!("evm.http_port{number}");
        let many = (0..100).map(|number| (near(number), String::new())).collect();
        let mut violations = Vec::new();
        check(&many, Unknown::Refused, &mut violations);
        let suggested = violations.iter().filter(|it| it.remedy.contains("did you mean")).count();
        assert_eq!((violations.len(), suggested), (100, SUGGESTIONS));
        let long = format!("evm.http_port{}", "x".repeat(COMPARABLE));
        assert!(!found(&long, Unknown::Refused)[0].remedy.contains("did you mean"));
    }

    #[test]
    fn the_annotation_lets_unknown_keys_pass_but_not_those_that_cannot_be_set() {
        assert!(found("evm.brand_new", Unknown::Allowed).is_empty());
        assert_eq!(found("metrics.global_labels", Unknown::Allowed).len(), 1);
    }
}
