//! One log line for each event: text of others, such as API servers and sidecars, cannot forge another line.

use std::io::{self, Write};

/// Escapes control characters inside of an event, and nothing else.
pub struct OneLine<W>(pub W);

impl<W: Write> Write for OneLine<W> {
    /// Writes a whole event: the subscriber hands over each one in one piece, with a newline at its end.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        if line.iter().any(|byte| is_harmful(*byte)) {
            self.0.write_all(&escaped(line))?;
            self.0.write_all(&event[line.len()..])?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Control characters but for ESC, by which the subscriber itself colours a terminal: in values it escapes that.
fn is_harmful(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\x1b')
}

fn escaped(line: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| match is_harmful(*byte) {
        true => byte.escape_ascii().collect(),
        false => vec![*byte],
    };
    line.iter().flat_map(escape).collect()
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
        check("\u{1b}[31mred\u{1b}[0m\tü\u{8}\n", "\u{1b}[31mred\u{1b}[0m\tü\\x08\n");
        check("\n\n", "\\n\n");
    }
}
