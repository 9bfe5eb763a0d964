//! Checksums of release files: how they are written, and how they are computed. Pure.

use std::fmt;

use sha2::{Digest as _, Sha256, Sha512};

/// A SHA-256 or SHA-512 checksum. Its length tells which.
#[derive(Clone, PartialEq, Eq)]
pub struct Checksum(Vec<u8>);

impl Checksum {
    /// Parses hexadecimal digits; `None` for any other length than that of SHA-256 and SHA-512.
    pub(super) fn parse(digits: &str) -> Option<Self> {
        if !matches!(digits.len(), 64 | 128) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        (0..digits.len()).step_by(2).map(byte).collect::<Option<_>>().map(Self)
    }

    /// The checksum of the file `name` in the output of `sha256sum` or `sha512sum`. Releases write one file with the sums
    /// of all their files, or one beside each file, which may hold nothing but the digits.
    pub(super) fn listed(text: &str, name: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let named = lines.clone().find_map(|line| {
            let (digits, path) = line.split_once(char::is_whitespace)?;
            let path = path.trim_start().trim_start_matches('*');
            (path == name || path.ends_with(&format!("/{name}"))).then(|| Self::parse(digits))?
        });
        named.or_else(|| match (lines.next(), lines.next()) {
            (Some(only), None) => Self::parse(only),
            _ => None,
        })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 32 { "sha256:" } else { "sha512:" })?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Computes the checksum of a file as it arrives.
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher of the same algorithm as `expected`.
    pub(super) fn like(expected: &Checksum) -> Self {
        if expected.0.len() == 32 { Self::Sha256(Sha256::new()) } else { Self::Sha512(Sha512::new()) }
    }

    /// Adds the next part of the file.
    pub(super) fn update(&mut self, part: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(part),
            Self::Sha512(hasher) => hasher.update(part),
        }
    }

    /// The checksum of all parts.
    pub(super) fn finish(self) -> Checksum {
        match self {
            Self::Sha256(hasher) => Checksum(hasher.finalize().to_vec()),
            Self::Sha512(hasher) => Checksum(hasher.finalize().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf abc | sha256sum`.
    const ABC_256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    /// `printf abc | sha512sum`.
    const ABC_512: &str = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                           2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn both_algorithms_are_told_apart_by_length() {
        for digits in [ABC_256, ABC_512] {
            let expected = Checksum::parse(digits).unwrap();
            let mut hasher = Hasher::like(&expected);
            hasher.update(b"a");
            hasher.update(b"bc");
            assert_eq!(hasher.finish(), expected);
        }
        assert_eq!(Checksum::parse(ABC_256).unwrap().to_string(), format!("sha256:{ABC_256}"));
    }

    #[test]
    fn anything_but_a_checksum_is_rejected() {
        for text in ["", "abc", &ABC_256[1..], &ABC_256.replace('b', "g"), &"ä".repeat(32)] {
            assert_eq!(Checksum::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_line_of_the_file_is_found() {
        let expected = Checksum::parse(ABC_256);
        let other = "0".repeat(64);
        for text in [
            format!("{ABC_256}\n"),
            format!("{ABC_256}  a.tgz\n"),
            format!("{other}  b.tgz\n{ABC_256} *a.tgz\n"),
            format!("# all\n{other}  aa.tgz\n{ABC_256}  release/a.tgz"),
        ] {
            assert_eq!(Checksum::listed(&text, "a.tgz"), expected, "{text}");
        }
    }

    #[test]
    fn the_line_of_another_file_is_not_taken() {
        let other = "0".repeat(64);
        for text in [
            String::new(),
            "<html>Not Found</html>".to_owned(),
            format!("{other}  aa.tgz\n"),
            format!("{other}\n{ABC_256}\n"),
        ] {
            assert_eq!(Checksum::listed(&text, "a.tgz"), None, "{text}");
        }
    }
}
