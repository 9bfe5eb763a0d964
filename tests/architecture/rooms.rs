//! The rooms of the house and the doors between them: which package may use which.

use super::project::{Kind, Package, assert_none, file, packages};

/// A package and what it may use of the others.
struct Room {
    name: &'static str,
    /// In the product.
    uses: &'static [&'static str],
    /// In tests only.
    tests_with: &'static [&'static str],
    /// Why no more.
    because: &'static str,
}

const ROOMS: [Room; 12] = [
    Room {
        name: "seinode-api",
        uses: &[],
        tests_with: &[],
        because: "the vocabulary is what all others share: it knows none of them",
    },
    Room {
        name: "seinode-core",
        uses: &["seinode-api"],
        tests_with: &["hostile"],
        because: "thinking knows the vocabulary and nothing that acts; what it needs to know enters as a value",
    },
    Room {
        name: "seinode-controller",
        uses: &["seinode-api", "seinode-core"],
        tests_with: &["hostile", "sidecar-sim"],
        because: "the hands carry out what the core decides; admission and keys are not their business",
    },
    Room {
        name: "seinode-webhook",
        uses: &["seinode-core", "seinode-api"],
        tests_with: &["hostile"],
        because: "the gate judges with the core's own parser and touches nothing",
    },
    Room {
        name: "seinode-certs",
        uses: &[],
        tests_with: &[],
        because: "the keys know X.509 and one Secret, and nothing of nodes",
    },
    Room {
        name: "seinode-operator",
        uses: &["seinode-api", "seinode-core", "seinode-controller", "seinode-webhook", "seinode-certs"],
        tests_with: &["devcluster", "scenario", "sidecar-sim", "xtask"],
        because: "the binary puts the shipped rooms together; the local control plane is for tests",
    },
    Room {
        name: "devcluster",
        uses: &[],
        tests_with: &["scenario"],
        because: "the local control plane serves any operator: it contains nothing of Sei",
    },
    Room {
        name: "sidecar-sim",
        uses: &[],
        tests_with: &["devcluster", "scenario"],
        because: "the simulated sidecar keeps the contract on its own, or the operator would test itself",
    },
    Room {
        name: "scenario",
        uses: &["scenario-macros"],
        tests_with: &[],
        because: "the runner serves tests of any fixture",
    },
    Room {
        name: "scenario-macros",
        uses: &[],
        tests_with: &[],
        because: "the attribute expands to calls of the runner, by name",
    },
    Room {
        name: "hostile",
        uses: &[],
        tests_with: &[],
        because: "it changes any JSON, and knows nothing of who reads it",
    },
    Room {
        name: "xtask",
        uses: &["devcluster", "sidecar-sim", "seinode-api"],
        tests_with: &[],
        because: "the demo and the image use the operator as users do: as a binary, charts and YAML",
    },
];

#[test]
fn every_package_uses_only_the_rooms_that_it_may() {
    let mut offences = Vec::new();
    for package in packages() {
        let Some(room) = ROOMS.iter().find(|room| room.name == package.name) else {
            offences.push(format!(
                "{} is no room: say in ARCHITECTURE.md and in ROOMS what it is for and what it may use",
                package.name
            ));
            continue;
        };
        for edge in &package.edges {
            let allowed = room.uses.contains(&edge.to.as_str())
                || (edge.kind == Kind::Tests && room.tests_with.contains(&edge.to.as_str()));
            if !allowed {
                offences.push(format!(
                    "{} depends on {} ({:?}), and may use {:?}, in tests also {:?}: {}. Move the code to the \
                     room that may, or pass what it needs as a value",
                    room.name, edge.to, edge.kind, room.uses, room.tests_with, room.because
                ));
            }
        }
    }
    assert_none("A package uses a room that it may not.", &offences);
}

#[test]
fn every_room_has_its_package_and_nothing_depends_on_the_binary() {
    let packages = packages();
    let missing = ROOMS.iter().filter(|room| packages.iter().all(|package| package.name != room.name));
    let mut offences: Vec<_> = missing
        .map(|room| format!("{} is in ROOMS but not in the workspace: take it out", room.name))
        .collect();
    let to_root = |package: &Package| package.edges.iter().any(|edge| edge.to == "seinode-operator");
    offences.extend(packages.iter().filter(|package| to_root(package)).map(|package| {
        format!(
            "{} depends on seinode-operator: the binary is the top, move what is shared down",
            package.name
        )
    }));
    assert_none("The rooms and the workspace differ.", &offences);
}

#[test]
fn every_package_inherits_the_lints_that_forbid_unsafe_code() {
    let inherits = |package: &Package| {
        let mut lines = package.manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
        lines.next() == Some("workspace = true")
    };
    let mut offences: Vec<_> = packages()
        .iter()
        .filter(|package| !inherits(package))
        .map(|package| {
            let directory = package.directory.display();
            format!("{directory}/Cargo.toml of {}: add `[lints]` with `workspace = true`", package.name)
        })
        .collect();
    let workspace = file("Cargo.toml").text;
    for lint in ["unsafe_code = \"forbid\"", "unwrap_used = \"deny\"", "panic = \"deny\""] {
        if !workspace.contains(lint) {
            offences.push(format!("Cargo.toml: [workspace.lints] lacks `{lint}`: put it back"));
        }
    }
    assert_none("A package is outside the workspace's lints.", &offences);
}

#[test]
fn who_reads_others_cannot_panic_by_arithmetic_or_index() {
    let lints = ["clippy::arithmetic_side_effects", "clippy::indexing_slicing", "clippy::string_slice"];
    let roots = [
        "controller/api/src/lib.rs",
        "controller/core/src/lib.rs",
        "controller/src/lib.rs",
        "webhook/src/lib.rs",
        "certs/src/lib.rs",
        "src/main.rs",
    ];
    let mut offences = Vec::new();
    for root in roots {
        let text = file(root).text;
        let head = text.split("\nmod ").next().unwrap_or_default();
        let denies = head.split_once("deny(").map(|(_, lints)| lints).unwrap_or_default();
        let missing = lints.into_iter().filter(|lint| !head.contains("not(test)") || !denies.contains(lint));
        offences.extend(missing.map(|lint| format!("{root} does not deny {lint}: put it back")));
    }
    assert_none("Data of others may panic.", &offences);
}
