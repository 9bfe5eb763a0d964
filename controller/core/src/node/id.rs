//! Node ids.

use std::fmt;

/// Length of a node id.
const DIGITS: usize = 40;

/// Id by which peers know a node: the address of its P2P key, 40 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(String);

impl NodeId {
    /// Reads an id; `None` for text of any other form, which must not get into a list of peers.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == DIGITS && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forty_lower_case_digits_are_a_node_id() {
        let id = "2bfcc8af7412d87ce35ece1cebe7813b011cb3d1";
        assert_eq!(NodeId::parse(id).unwrap().to_string(), id);
        let wrong = [&id[1..], &format!("{id}0"), &id.to_uppercase(), &format!("{}@h", &id[2..]), ""];
        assert!(wrong.iter().all(|text| NodeId::parse(text).is_none()), "{wrong:?}");
    }
}
