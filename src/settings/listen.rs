//! Address that a server listens on, and the forms of its flag.

use std::{
    fmt,
    net::{Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// Address that a server listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere (`0`).
    Off,
    /// On all addresses, IPv6 and IPv4; on IPv4 alone where the machine has no IPv6. Port 0: any free one.
    All(u16),
    /// On exactly this one. Port 0: any free one.
    On(SocketAddr),
}

/// A text that is not an address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address to listen on")]
pub struct BadListen(String);

impl Listen {
    /// The forms, for messages.
    pub const FORMS: &'static str =
        "write it as 127.0.0.1:8080, [::1]:8080, :8080 for all addresses, or 0 to serve nothing";
}

impl FromStr for Listen {
    type Err = BadListen;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadListen(text.to_owned());
        if text == "0" {
            return Ok(Self::Off);
        }
        if let Some(port) = text.strip_prefix(':') {
            return port.parse().map(Self::All).map_err(|_| bad());
        }
        match text.parse::<SocketAddr>().map_err(|_| bad())? {
            SocketAddr::V6(v6) if *v6.ip() == Ipv6Addr::UNSPECIFIED => Ok(Self::All(v6.port())),
            address => Ok(Self::On(address)),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("nowhere"),
            Self::All(port) => write!(f, ":{port}"),
            Self::On(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let on = |text: &str| Listen::On(text.parse().unwrap());
        for (text, expected) in [
            ("0", Listen::Off),
            (":8080", Listen::All(8080)),
            ("[::]:8081", Listen::All(8081)),
            (":0", Listen::All(0)),
            ("0.0.0.0:8080", on("0.0.0.0:8080")),
            ("127.0.0.1:0", on("127.0.0.1:0")),
            ("[::1]:9", on("[::1]:9")),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_text() {
        for text in
            ["", "8080", ":", ":65536", ":-1", "localhost:8080", "::1:80", "http://[::]:80", "1.2.3.4"]
        {
            let message = text.parse::<Listen>().unwrap_err().to_string();
            assert!(message.contains(&format!("{text:?}")), "{message}");
        }
    }
}
