//! Free TCP ports on loopback.
//!
//! Between our look and the server's own bind somebody else may take a port, so a cluster that finds one taken starts
//! again with others; see [`crate::cluster`].

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below the range from which Linux (32768) and others take the local ports of outgoing connections, above what
/// services commonly listen on.
const PORTS: Range<u16> = 20_000..32_000;

/// `N` different ports that nobody listens on at this moment, at random so that two clusters starting at the same
/// time hardly meet.
///
/// # Errors
/// When no free port is found.
pub(crate) fn free<const N: usize>() -> std::io::Result<[u16; N]> {
    let span = u64::from(PORTS.end - PORTS.start);
    let begin = RandomState::new().build_hasher().finish() % span;
    // Held until all are chosen: that is what makes them different.
    let mut held = Vec::with_capacity(N);
    for step in 0..span {
        if held.len() == N {
            break;
        }
        let port = PORTS.start + u16::try_from((begin + step) % span).unwrap_or_default();
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
    }
    let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
    ports
        .try_into()
        .map_err(|_| std::io::Error::other(format!("no {N} free ports in {PORTS:?} on 127.0.0.1")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_are_free_and_cannot_be_taken_by_outgoing_connections() {
        let ports = free::<20>().unwrap();
        let different: std::collections::BTreeSet<u16> = ports.into_iter().collect();
        assert_eq!(different.len(), 20);
        assert!(ports.iter().all(|port| *port < 32_768));
        let all_bind: Vec<TcpListener> =
            ports.iter().map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).unwrap()).collect();
        let [other] = free().unwrap();
        assert!(!different.contains(&other), "{other} is taken");
        drop(all_bind);
    }
}
