//! One log line for each event: text of others, such as API servers and sidecars, cannot forge another line.

use std::io::{self, Write};

/// Escapes what ends a line or changes how one is shown, and nothing else.
pub struct OneLine<W>(pub W);

impl<W: Write> Write for OneLine<W> {
    /// Writes a whole event: the subscriber hands over each one in one piece, with a newline at its end.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        if line.chars().any(is_harmful) {
            let escape = |letter: char| match is_harmful(letter) {
                true => letter.escape_default().collect(),
                false => String::from(letter),
            };
            let mut escaped: String = line.chars().map(escape).collect();
            escaped.push('\n');
            self.0.write_all(escaped.as_bytes())?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Control characters but for ESC, by which the subscriber itself colours a terminal: in values it escapes that. Unicode has
/// two more ends of a line, and letters that turn the direction of those behind them.
fn is_harmful(letter: char) -> bool {
    match letter {
        '\t' | '\u{1b}' => false,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        letter => letter.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(event: &str, expected: &str) {
        let mut written = OneLine(Vec::new());
        written.write_all(event.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(written.0).unwrap(), expected);
    }

    #[test]
    fn an_event_stays_on_its_line() {
        check("a message\n", "a message\n");
        check("refused: no\r\n2026-01-01 INFO forged\n", "refused: no\\r\\n2026-01-01 INFO forged\n");
        check("\u{1b}[31mred\u{1b}[0m\tü\u{8}\n", "\u{1b}[31mred\u{1b}[0m\tü\\u{8}\n");
        check("\n\n", "\\n\n");
    }

    #[test]
    fn other_ends_of_a_line_and_turned_text_are_escaped() {
        check("no\u{2028}forged\u{85}forged\u{2029}\n", "no\\u{2028}forged\\u{85}forged\\u{2029}\n");
        check("\u{9b}31m \u{202e}txt\u{2066}\n", "\\u{9b}31m \\u{202e}txt\\u{2066}\n");
    }
}
