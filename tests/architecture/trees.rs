//! Packages that are pulled in from outside: the thinking rooms stay free of I/O, and the lock file free of what the
//! product must never contain.

use super::project::{assert_none, cargo, file};

/// The rooms that think.
const PURE: [&str; 2] = ["seinode-api", "seinode-core"];
/// Packages that do I/O or draw lots; a package named `x-…` belongs to `x`.
const IMPURE: [&str; 9] =
    ["tokio", "hyper", "rustls", "tower", "reqwest", "axum", "kube-client", "rand", "getrandom"];

/// Packages that are in no build of ours, for any platform, not even in tests: each with the reason.
const BANNED: [(&str, &str); 7] = [
    ("aws-lc-rs", "one TLS provider in the whole tree, and that is ring"),
    ("aws-lc-sys", "one TLS provider in the whole tree, and that is ring"),
    ("openssl", "TLS is rustls"),
    ("openssl-sys", "TLS is rustls"),
    ("native-tls", "TLS is rustls"),
    ("h2", "the API server and the sidecar are spoken to in HTTP/1.1"),
    ("chrono", "time is jiff, as in kube"),
];

/// Two versions of one of these would be two types that look alike and do not fit.
const SINGLE: [&str; 8] =
    ["kube", "kube-core", "kube-client", "kube-runtime", "k8s-openapi", "json-patch", "rustls", "schemars"];

#[test]
fn the_thinking_rooms_cannot_reach_io_or_randomness() {
    let mut offences = Vec::new();
    for room in PURE {
        let tree =
            cargo(&["tree", "--package", room, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        let mut found: Vec<_> = names.filter(|name| impure(name).is_some()).collect();
        found.sort_unstable();
        found.dedup();
        offences.extend(found.into_iter().map(|name| {
            format!(
                "{room} pulls in {name}: `cargo tree -p {room} -e normal -i {name}` says through what; switch that \
                 feature off or do the work in another room"
            )
        }));
    }
    assert_none("A room that must stay pure can reach the world.", &offences);
}

fn impure(name: &str) -> Option<&'static str> {
    IMPURE.into_iter().find(|impure| {
        name.strip_prefix(impure).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    })
}

#[test]
fn a_package_of_an_impure_family_is_recognised() {
    assert_eq!(impure("tokio-util"), Some("tokio"));
    assert_eq!(impure("rand_core"), Some("rand"));
    assert_eq!(impure("ref-cast"), None);
    assert_eq!(impure("randomize"), None);
}

#[test]
fn the_lock_file_has_nothing_banned_and_one_version_of_what_is_shared() {
    let locked = locked();
    let mut offences = Vec::new();
    for (name, reason) in BANNED {
        if locked.iter().any(|package| package.0 == name) {
            offences.push(format!(
                "Cargo.lock has {name}, but {reason}: find the feature that pulls it in with \
                 `cargo tree --workspace --target all -i {name}` and switch it off"
            ));
        }
    }
    for name in SINGLE {
        let versions: Vec<_> =
            locked.iter().filter(|package| package.0 == name).map(|package| &package.1).collect();
        if versions.len() != 1 {
            offences.push(format!(
                "Cargo.lock has {} versions of {name} {versions:?}, and must have one: align the versions in \
                 [workspace.dependencies]",
                versions.len()
            ));
        }
    }
    assert_none("The lock file breaks the dependency policy (see deny.toml).", &offences);
}

/// Names and versions in the lock file. It covers every platform, and dependencies of tests too.
fn locked() -> Vec<(String, String)> {
    let text = file("Cargo.lock").text;
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
    };
    text.split("[[package]]")
        .filter_map(|block| Some((value(block, "name")?, value(block, "version")?)))
        .collect()
}
