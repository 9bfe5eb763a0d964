//! Tells the violations that a change introduces from those that were there before.

use std::collections::BTreeMap;

use seinode_core::violation::Violation;

/// Splits violations into those that the change introduces and older ones. Each older violation excuses one of the same rule
/// at the same field; an item of a list may have moved to another index.
pub(super) fn split(found: Vec<Violation>, before: &[Violation]) -> (Vec<Violation>, Vec<Violation>) {
    let key = |violation: &Violation| (unindexed(&violation.field), violation.rule.clone());
    let mut older = BTreeMap::<_, usize>::new();
    for violation in before {
        let left = older.entry(key(violation)).or_default();
        *left = left.saturating_add(1);
    }
    found.into_iter().partition(|violation| match older.get_mut(&key(violation)) {
        Some(left) if *left > 0 => {
            *left = left.saturating_sub(1);
            false
        }
        Some(_) | None => true,
    })
}

/// The path with every index of a list left out: `spec.peers[3].label` is `spec.peers[].label`.
fn unindexed(field: &str) -> String {
    let mut inside_index = false;
    let mut rest = field.chars().peekable();
    let mut path = String::with_capacity(field.len());
    while let Some(letter) = rest.next() {
        let digit = letter.is_ascii_digit();
        if !(inside_index && digit) {
            path.push(letter);
        }
        inside_index =
            (letter == '[' && rest.peek().is_some_and(char::is_ascii_digit)) || (inside_index && digit);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(field: &str) -> Violation {
        Violation::new(field, "it is wrong", "correct it")
    }

    #[test]
    fn a_moved_item_is_old_and_a_second_one_is_new() {
        let (new, old) = split(vec![at("spec.peers[0]")], &[at("spec.peers[3]")]);
        assert_eq!((new.len(), old.len()), (0, 1));
        let (new, old) = split(vec![at("spec.peers[0]"), at("spec.peers[1]")], &[at("spec.peers[0]")]);
        assert_eq!((new, old.len()), (vec![at("spec.peers[1]")], 1));
        let (new, _) = split(vec![at("spec.overrides[a]")], &[at("spec.overrides[b]")]);
        assert_eq!(new.len(), 1);
    }
}
