//! Within a room the modules build on each other in one direction: whoever reads from the bottom up never meets a
//! name that is explained further up.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    project::assert_none,
    sources::{code, product},
};

/// The rooms. A file counts for the module at the top of its path.
const ROOMS: [&str; 6] =
    ["controller/api/src/", "controller/core/src/", "controller/src/", "webhook/src/", "certs/src/", "src/"];

/// Modules, each with those it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_do_not_use_each_other_in_circles() {
    let mut offences = Vec::new();
    for room in ROOMS {
        let circle = circle(uses_within(room));
        offences.extend(circle.into_iter().map(|(module, uses)| {
            let uses: Vec<_> = uses.into_iter().collect();
            format!(
                "{room}{module}.rs uses {}: move what both need into a module below both",
                uses.join(", ")
            )
        }));
    }
    assert_none("Modules use each other in a circle.", &offences);
}

fn uses_within(room: &str) -> Uses {
    let mut uses = Uses::new();
    for file in product() {
        let Some(path) = file.path.strip_prefix(room) else { continue };
        let module = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
        // The front doors only open.
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let text: Vec<_> = code(&file.text).map(|(_, line)| line).collect();
        let entry = uses.entry(module.to_owned()).or_default();
        entry.extend(named(&text.join("\n")).into_iter().filter(|used| used != module));
    }
    uses
}

/// The modules that a text names after `crate::`, also in braces.
fn named(text: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => modules.extend(members(group)),
            None => modules.extend(word(rest)),
        }
    }
    modules
}

/// The first words of the members of a group in braces, whose opening brace is gone.
fn members(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut members = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            other if depth == 0 => members.last_mut().expect("there is one").push(other),
            _ => {}
        }
    }
    members.iter().filter_map(|member| word(member.trim())).collect()
}

/// The module's name at the beginning of a path; `None` for a type.
fn word(path: &str) -> Option<String> {
    let word: String = path.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
    word.starts_with(|first: char| first.is_ascii_lowercase()).then_some(word)
}

/// Modules that are left when those that use nothing that is left, or that nothing left uses, are taken away.
fn circle(mut uses: Uses) -> Uses {
    loop {
        let left: BTreeSet<_> = uses.keys().cloned().collect();
        uses.values_mut().for_each(|used| used.retain(|module| left.contains(module)));
        let needed: BTreeSet<_> = uses.values().flatten().cloned().collect();
        uses.retain(|module, used| !used.is_empty() && needed.contains(module));
        if uses.len() == left.len() {
            return uses;
        }
    }
}

#[test]
fn a_circle_is_found_and_what_hangs_on_it_is_not_blamed() {
    let text = "use crate::{\n    b::{self, C},\n    d,\n};\nfn f(x: crate::e::G, y: crate::Type) {}\n";
    assert_eq!(named(text).into_iter().collect::<Vec<_>>(), ["b", "d", "e"]);
    let uses = [("top", "a"), ("a", "b"), ("b", "a"), ("b", "leaf"), ("leaf", "")];
    let mut graph = Uses::new();
    for (module, used) in uses {
        graph.entry(module.to_owned()).or_default().extend((!used.is_empty()).then(|| used.to_owned()));
    }
    assert_eq!(circle(graph).into_keys().collect::<Vec<_>>(), ["a", "b"]);
}
