use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
    version::TLS13,
};

use super::*;
use crate::{
    issue::{Authority, Leaf},
    lifetimes::Lifetimes,
    tests::fixtures::names,
};

fn server(resolver: &Arc<Resolver>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13]).unwrap().with_no_client_auth();
    let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(resolver) as _;
    Arc::new(builder.with_cert_resolver(resolver))
}

fn client(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate().der().to_vec())).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    // A resumed session shows the certificate of the first one.
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// A handshake over memory, and the connection that comes of it.
fn handshake(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
) -> Result<(ServerConnection, ClientConnection), rustls::Error> {
    let name = ServerName::try_from("seinode-webhook.sei-system.svc").unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    let mut server = ServerConnection::new(Arc::clone(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        exchange(&mut client, &mut server)?;
    }
    Ok((server, client))
}

fn exchange(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), rustls::Error> {
    let mut wire = Vec::new();
    client.write_tls(&mut wire).unwrap();
    server.read_tls(&mut wire.as_slice()).unwrap();
    server.process_new_packets()?;
    let mut wire = Vec::new();
    server.write_tls(&mut wire).unwrap();
    client.read_tls(&mut wire.as_slice()).unwrap();
    client.process_new_packets().map(|_| ())
}

fn authority() -> Authority {
    Authority::create(&names(), jiff::Timestamp::now(), &Lifetimes::default()).unwrap()
}

fn leaf(authority: &Authority) -> Leaf {
    authority.mint(&names(), jiff::Timestamp::now(), &Lifetimes::default()).unwrap()
}

#[test]
fn a_handshake_needs_a_certificate() {
    let (resolver, authority) = (Arc::new(Resolver::default()), authority());
    let (server, client) = (server(&resolver), client(&authority));
    handshake(&server, &client).unwrap_err();
    resolver.present(leaf(&authority).certified);
    handshake(&server, &client).unwrap();
}

#[test]
fn a_new_certificate_is_presented_and_connections_stay_open() {
    let (resolver, before, after) = (Arc::new(Resolver::default()), authority(), authority());
    let server = server(&resolver);
    resolver.present(leaf(&before).certified);
    let (mut open, mut peer) = handshake(&server, &client(&before)).unwrap();
    resolver.present(leaf(&after).certified);
    handshake(&server, &client(&before)).unwrap_err();
    handshake(&server, &client(&after)).unwrap();

    std::io::Write::write_all(&mut peer.writer(), b"still here").unwrap();
    exchange(&mut peer, &mut open).unwrap();
    let mut heard = [0; 10];
    std::io::Read::read_exact(&mut open.reader(), &mut heard).unwrap();
    assert_eq!(&heard, b"still here");
}

#[test]
fn no_handshake_fails_while_certificates_are_exchanged() {
    let (resolver, authority) = (Arc::new(Resolver::default()), authority());
    let (server, client) = (server(&resolver), client(&authority));
    resolver.present(leaf(&authority).certified);
    let over = AtomicBool::new(false);
    let exchanged = thread::scope(|scope| {
        let exchanging = scope.spawn(|| {
            let mut exchanged = 0;
            while !over.load(Ordering::Relaxed) {
                resolver.present(leaf(&authority).certified);
                exchanged += 1;
            }
            exchanged
        });
        let shaking: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = BTreeSet::new();
                    while seen.len() < 10 {
                        let (_, peer) = handshake(&server, &client).unwrap();
                        seen.insert(peer.peer_certificates().unwrap()[0].to_vec());
                    }
                })
            })
            .collect();
        shaking.into_iter().for_each(|thread| thread.join().unwrap());
        over.store(true, Ordering::Relaxed);
        exchanging.join().unwrap()
    });
    assert!(exchanged >= 9, "{exchanged}");
}

#[test]
fn debug_says_whether_there_is_a_certificate_and_nothing_of_it() {
    let resolver = Resolver::default();
    assert_eq!(format!("{resolver:?}"), "Resolver(empty)");
    resolver.present(leaf(&authority()).certified);
    assert_eq!(format!("{resolver:?}"), "Resolver(with a certificate)");
}
