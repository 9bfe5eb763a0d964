//! Labels that a spec asks for, by the rules of Kubernetes: the API server would refuse a StatefulSet with others.

use std::collections::BTreeMap;

use crate::violation::Violation;

/// Most labels. Each of them is kept in status as well, once for the StatefulSet and once for the Service.
const MOST: usize = 64;
/// Longest name of a label, and longest value.
const NAME: usize = 63;
/// Longest prefix of a label's key.
const PREFIX: usize = 253;

/// Checks `spec.podLabels`.
pub(super) fn check(labels: &BTreeMap<String, String>, found: &mut Vec<Violation>) {
    let field = "spec.podLabels";
    if labels.len() > MOST {
        let rule = format!("{} labels are more than {MOST}", labels.len());
        found.push(Violation::new(field, rule, format!("keep at most {MOST}")));
    }
    for (key, value) in labels {
        let field = format!("{field}[{key}]");
        if !is_key(key) {
            found.push(Violation::new(
                &field,
                "it is no key of a label",
                "write at most 63 letters, digits, '-', '_' and '.', with a DNS name and '/' before them or not, such as \
                 example.com/team",
            ));
        }
        if !(value.is_empty() || is_name(value)) {
            found.push(Violation::new(
                &field,
                "its value is no value of a label",
                "write at most 63 letters, digits, '-', '_' and '.', the first and the last a letter or digit",
            ));
        }
    }
}

/// True if this is a key, with a prefix or without.
fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key),
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
    }
}

/// True if this can be a label's name, or its value if it has one.
fn is_name(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.len() <= NAME
        && ends(text.bytes().next())
        && ends(text.bytes().next_back())
        && text.bytes().all(inside)
}

/// True if this is a lower-case DNS name.
fn is_subdomain(text: &str) -> bool {
    text.len() <= PREFIX && text.split('.').all(super::limits::is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(key: &str, value: &str, words: Option<&str>) {
        let mut found = Vec::new();
        check(&BTreeMap::from([(key.to_owned(), value.to_owned())]), &mut found);
        match (&*found, words) {
            ([], None) => {}
            ([violation], Some(words)) => {
                assert_eq!(violation.field, format!("spec.podLabels[{key}]"));
                assert!(violation.to_string().contains(words), "{violation}");
            }
            (found, words) => panic!("{key}={value}: {found:?}, expected {words:?}"),
        }
    }

    #[test]
    fn labels_that_kubernetes_takes_are_taken() {
        let long = "a".repeat(NAME);
        for (key, value) in
            [("team", "rpc"), ("a", ""), ("example.com/Team_1.x", "A.b-C_9"), (&*long, &*long), ("9", "9")]
        {
            says(key, value, None);
        }
    }

    #[test]
    fn labels_that_kubernetes_refuses_are_named() {
        let long = "a".repeat(NAME + 1);
        for key in ["", "a b", "-a", "a-", "/a", "a/", "a/b/c", "Example.com/a", "a..b/c", "é", &*long] {
            says(key, "", Some("no key of a label"));
        }
        for value in ["a b", "-", "a/b", "_a", "a.", "é", &*long] {
            says("a", value, Some("no value of a label"));
        }
    }

    #[test]
    fn there_is_an_end_of_labels() {
        let labels = |count| (0..count).map(|index| (format!("l{index}"), String::new())).collect();
        let mut found = Vec::new();
        check(&labels(MOST), &mut found);
        assert_eq!(found, []);
        check(&labels(MOST + 1), &mut found);
        assert!(found[0].to_string().contains("65 labels are more than 64"), "{found:?}");
    }
}
