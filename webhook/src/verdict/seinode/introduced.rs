//! Which violations a change introduces, and which were there before.

use seinode_core::violation::Violation;

/// Splits what was found into what the change introduces and what is older. Each older violation excuses one of the
/// same rule at the same field; an item of a list may have moved to another index.
pub(super) fn split(found: Vec<Violation>, mut before: Vec<Violation>) -> (Vec<Violation>, Vec<Violation>) {
    found.into_iter().partition(|violation| {
        let same = |older: &Violation| {
            older.rule == violation.rule && unindexed(&older.field) == unindexed(&violation.field)
        };
        match before.iter().position(same) {
            Some(index) => {
                before.swap_remove(index);
                false
            }
            None => true,
        }
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
        Violation::new(field, "it is wrong", "mend it")
    }

    #[test]
    fn an_item_that_moved_is_as_old_as_before_and_a_second_one_is_new() {
        let (new, old) = split(vec![at("spec.peers[0]")], vec![at("spec.peers[3]")]);
        assert_eq!((new.len(), old.len()), (0, 1));
        let (new, old) = split(vec![at("spec.peers[0]"), at("spec.peers[1]")], vec![at("spec.peers[0]")]);
        assert_eq!((new, old.len()), (vec![at("spec.peers[1]")], 1));
        let (new, _) = split(vec![at("spec.overrides[a]")], vec![at("spec.overrides[b]")]);
        assert_eq!(new.len(), 1);
    }
}
