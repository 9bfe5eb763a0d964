//! Opens the sockets that servers listen on.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::settings::Listen;

/// Connections that may wait to be accepted; the kernel takes less where net.core.somaxconn is less. A client whose
/// connection finds no room tries again after a second.
const BACKLOG: i32 = 4096;

/// Opens a socket, or none for [`Listen::Off`]. Must be called inside the runtime.
///
/// # Errors
/// When the address is taken, not of this machine, or not ours to use.
pub fn bind(listen: Listen) -> io::Result<Option<TcpListener>> {
    let listener = match listen {
        Listen::Off => return Ok(None),
        Listen::On(address) => open(address)?,
        Listen::All(port) => all(port)?,
    };
    TcpListener::from_std(listener).map(Some)
}

/// IPv6 and IPv4; where the kernel has no IPv6, IPv4.
fn all(port: u16) -> io::Result<std::net::TcpListener> {
    use io::ErrorKind::{AddrInUse, PermissionDenied};
    match open(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Err(error) if !matches!(error.kind(), AddrInUse | PermissionDenied) => {
            open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        }
        otherwise => otherwise,
    }
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // Explicit, as the machine's default (net.ipv6.bindv6only) may be the other one.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restart must not wait for connections of the process before it.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn reaches(listener: &TcpListener, host: &str) -> bool {
        let port = listener.local_addr().unwrap().port();
        tokio::net::TcpStream::connect((host, port)).await.is_ok()
    }

    #[tokio::test]
    async fn all_addresses_answer_or_just_one() {
        let all = bind(Listen::All(0)).unwrap().unwrap();
        assert!(reaches(&all, "127.0.0.1").await);
        let one = bind(Listen::On("127.0.0.1:0".parse().unwrap())).unwrap().unwrap();
        assert!(reaches(&one, "127.0.0.1").await && !reaches(&one, "127.0.0.2").await);
        assert!(bind(Listen::Off).unwrap().is_none());
    }

    #[tokio::test]
    async fn only_machines_without_ipv6_fall_back_to_ipv4() {
        match bind(Listen::On("[::1]:0".parse().unwrap())) {
            Ok(taken) => {
                let port = taken.as_ref().unwrap().local_addr().unwrap().port();
                assert_eq!(bind(Listen::All(port)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
            }
            Err(_) => assert!(reaches(&bind(Listen::All(0)).unwrap().unwrap(), "127.0.0.1").await),
        }
    }
}
