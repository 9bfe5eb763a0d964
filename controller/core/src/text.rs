//! Text of others in bounds: what a user, a sidecar or an API server writes may have any length, and a status, an event or a
//! response has to hold it.

use std::fmt::Display;

/// Most characters of the message of a condition: less than the 32,768 that the schema of conditions allows.
pub(crate) const MESSAGE: usize = 8_000;

/// Most characters of a text of foreign origin that is no condition's message.
pub(crate) const WORDS: usize = 2_000;

/// Words of an API server or of an admission webhook, as much of them as a person reads.
#[must_use]
pub fn words(text: &str) -> String {
    shortened(text, WORDS)
}

/// Cuts a text off behind so many characters; what is cut off is marked with `…`.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    let cut = text.char_indices().nth(most).and_then(|(end, _)| text.get(..end));
    cut.map_or_else(|| text.to_owned(), |kept| format!("{kept}…"))
}

/// Shortens a text in place.
pub(crate) fn shorten(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
}

/// The first items of a list in one line of at most `most` characters, and how many more there are. Each item has at most a
/// quarter of the line.
pub(crate) fn joined<T: Display>(all: &[T], separator: &str, most: usize) -> String {
    let mut line = String::new();
    let mut length = 0_usize;
    let longest = most.div_euclid(4);
    for (index, item) in all.iter().enumerate() {
        let item = shortened(&item.to_string(), longest);
        length = length.saturating_add(item.chars().count()).saturating_add(separator.len());
        if length > most {
            let more = all.len().saturating_sub(index);
            line.push_str(&format!("{separator}and {more} more"));
            return line;
        }
        if index > 0 {
            line.push_str(separator);
        }
        line.push_str(&item);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöü", 2), "äö…");
        let mut text = "äöü".to_owned();
        shorten(&mut text, 3);
        assert_eq!(text, "äöü");
        shorten(&mut text, 1);
        assert_eq!(text, "ä…");
    }

    #[test]
    fn a_list_says_how_many_more_there_are() {
        assert_eq!(joined(&["a", "b"], " | ", 100), "a | b");
        let many = vec!["x".repeat(90); 1_000];
        let line = joined(&many, " | ", 400);
        assert!(line.starts_with("xxx") && line.ends_with("xxx | and 996 more"), "{line}");
        assert!(joined(&["x".repeat(1_000)], ", ", 100).ends_with('…'));
    }
}
