//! The server over real sockets: its limits, and what happens beyond them.

mod client;
mod fixtures;
mod hostile;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use rustls::version::{TLS12, TLS13};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use self::{
    client::{Client, Response},
    fixtures::{PATIENCE, Served, allow, client_authority, counted},
};
use super::Limits;

const MIB: usize = 1 << 20;

fn patient() -> Limits {
    let long = Duration::from_secs(3600);
    Limits {
        handshake: long,
        header: long,
        first_byte: long,
        first_byte_of_few: long,
        idle: long,
        age: long,
        deadline: long,
        ..Limits::default()
    }
}

#[tokio::test]
async fn reviews_are_answered_and_other_requests_rejected() {
    let served = Served::start(patient(), allow).await;
    let mut client = Client::connect(&served).await;
    let Response { status, head, body } = client.post(b"{}").await;
    assert_eq!((status, &*body), (200, "reviewed 2 bytes"));
    assert!(head.contains("content-type: application/json") && !head.contains("connection: close"), "{head}");
    assert_eq!(client.send("GET", fixtures::path(), b"").await.status, 405);
    let Response { status, body, .. } = client.send("POST", "/elsewhere", b"{}").await;
    assert_eq!((status, &*body), (404, "this address has admission webhooks only\n"));
    let labels = "allowed=\"true\",code=\"200\",dry_run=\"false\",operation=\"CREATE\",subresource=\"\"";
    let line = format!("sei_admission_requests_total{{{labels},webhook=\"{}\"}}", fixtures::name());
    assert_eq!(served.metric(&line), 1.0);
    assert_eq!(served.metric("sei_admission_requests_in_flight"), 0.0);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_rejected_announced_or_not() {
    let served = Served::start(patient(), allow).await;
    let mut client = Client::connect(&served).await;
    let most = 7 * MIB / 2;
    assert_eq!(client.post(&vec![b' '; most]).await.body, format!("reviewed {most} bytes"));
    let Response { status, body, .. } = client.post(&vec![b' '; most + 1]).await;
    assert_eq!(status, 413);
    assert!(body.contains("larger than 3584 KiB"), "{body}");
    let Response { status, .. } = Client::connect(&served).await.post_in_chunks(&[b' '; MIB], 4).await;
    assert_eq!(status, 413);
    assert_eq!(client.post(b"{}").await.status, 200, "the connection is still of use");
}

#[tokio::test]
async fn a_late_header_ends_the_connection_and_an_idle_one_stays() {
    let limits = Limits { header: Duration::from_millis(50), ..patient() };
    let served = Served::start(limits, allow).await;
    let mut idle = Client::connect(&served).await;
    assert_eq!(idle.post(b"{}").await.status, 200);
    let mut slow = Client::connect(&served).await;
    slow.stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nX: ").await.unwrap();
    slow.until_closed().await;
    assert_eq!(idle.post(b"{}").await.status, 200);
}

#[tokio::test]
async fn a_connection_that_is_idle_for_long_is_closed() {
    let served = Served::start(Limits { idle: Duration::from_millis(50), ..patient() }, allow).await;
    let mut client = Client::connect(&served).await;
    assert_eq!(client.post(b"{}").await.status, 200);
    client.until_closed().await;
}

#[tokio::test]
async fn an_old_connection_is_closed_with_its_next_response() {
    let served = Served::start(Limits { age: Duration::ZERO, ..patient() }, allow).await;
    let mut client = Client::connect(&served).await;
    let Response { status, head, .. } = client.post(b"{}").await;
    assert!(status == 200 && head.contains("connection: close"), "{head}");
    client.until_closed().await;
}

#[tokio::test]
async fn half_open_handshakes_are_evicted_before_idle_connections() {
    let served = Served::start(Limits { connections: 8, ..patient() }, allow).await;
    let mut known = Client::connect(&served).await;
    assert_eq!(known.post(b"{}").await.status, 200);
    let mut half_open = Vec::new();
    for _ in 0..200 {
        half_open.push(TcpStream::connect(served.address).await.unwrap());
    }
    assert_eq!(Client::connect(&served).await.post(b"{}").await.status, 200);
    assert_eq!(known.post(b"{}").await.status, 200, "an idle connection was evicted before a handshake");
    let oldest = timeout(PATIENCE, half_open[0].read(&mut [0])).await.expect("the oldest stays");
    assert_eq!(oldest.unwrap(), 0, "the oldest goes first");
    let displaced = served.metric("sei_tls_handshake_failures_total{reason=\"displaced\"}");
    assert!(displaced >= 190.0, "{displaced}");
}

#[tokio::test]
async fn a_slow_handshake_times_out() {
    let served = Served::start(Limits { handshake: Duration::from_millis(50), ..patient() }, allow).await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let read = timeout(PATIENCE, silent.read(&mut [0])).await.expect("it stays");
    assert_eq!(read.unwrap(), 0);
    assert_eq!(served.metric("sei_tls_handshake_failures_total{reason=\"timeout\"}"), 1.0);
}

#[tokio::test]
async fn failed_handshakes_are_counted_by_reason() {
    let served = Served::start(patient(), allow).await;
    let failures =
        |reason: &str| served.metric(&format!("sei_tls_handshake_failures_total{{reason=\"{reason}\"}}"));
    Client::try_connect(&served, &fixtures::other_authority(), &[&TLS13]).await.unwrap_err();
    counted(&served, "rejected", || failures("certificate_rejected") == 1.0).await;
    Client::try_connect(&served, &served.authority, &[&TLS12]).await.unwrap_err();
    counted(&served, "TLS 1.2", || failures("protocol") == 1.0).await;
    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    counted(&served, "plain text", || failures("protocol") == 2.0).await;
    drop(TcpStream::connect(served.address).await.unwrap());
    counted(&served, "closed", || failures("closed") == 1.0).await;
    served.presented.take_away();
    Client::try_connect(&served, &served.authority, &[&TLS13]).await.unwrap_err();
    counted(&served, "none", || failures("no_certificate") == 1.0).await;
}

#[tokio::test]
async fn with_a_client_authority_only_its_clients_may_call() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    let (authority, api_server) = client_authority();
    std::fs::write(&file, &authority).unwrap();
    let served = Served::for_clients_of(&file).await;
    let mut client = Client::connect_as(&served, api_server).await.unwrap();
    assert_eq!(client.post(b"{}").await.status, 200);
    // Under TLS 1.3 the client learns of it only when it reads.
    let rejected = || served.metric("sei_tls_handshake_failures_total{reason=\"client_rejected\"}");
    Client::connect(&served).await.until_closed().await;
    counted(&served, "anonymous", || rejected() == 1.0).await;
    let (_, of_another_authority) = client_authority();
    Client::connect_as(&served, of_another_authority).await.unwrap().until_closed().await;
    counted(&served, "of another authority", || rejected() == 2.0).await;
}

/// A reviewer of large bodies that reports when it begins and waits until it may end.
struct Held {
    begun: mpsc::Receiver<()>,
    may_end: mpsc::Sender<()>,
}

async fn held(limits: Limits) -> (Served, Held) {
    let ((begins, begun), (may_end, ends)) = (mpsc::channel(), mpsc::channel());
    let ends = std::sync::Mutex::new(ends);
    let inline = limits.inline;
    let served = Served::start(limits, move |endpoint, body| {
        if body.len() > inline {
            begins.send(()).ok();
            ends.lock().unwrap().recv().ok();
        }
        allow(endpoint, body)
    });
    (served.await, Held { begun, may_end })
}

impl Held {
    /// Waits without holding up the server.
    async fn begun(self) -> Self {
        tokio::task::spawn_blocking(move || {
            self.begun.recv_timeout(Duration::from_secs(30)).unwrap();
            self
        })
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn a_body_beyond_the_budget_is_rejected_at_once_and_counted() {
    let (served, held) = held(Limits { small: 0, large: 2, inline: 0, ..patient() }).await;
    let served = Arc::new(served);
    let mut first = Client::connect(&served).await;
    let first = tokio::spawn(async move { first.post(b"{}").await.status });
    let held = held.begun().await;
    let mut second = Client::connect(&served).await;
    let Response { status, body, .. } = second.post(b"{}").await;
    assert_eq!((status, &*body), (503, "too many requests are under way; send this one again\n"));
    assert_eq!(served.metric("sei_admission_shed_total"), 1.0);
    assert_eq!(served.metric("sei_admission_requests_in_flight"), 1.0);
    held.may_end.send(()).unwrap();
    assert_eq!(first.await.unwrap(), 200);
    held.may_end.send(()).unwrap();
    assert_eq!(second.post(b"{}").await.status, 200, "its memory was given back");
}

#[tokio::test]
async fn a_late_review_keeps_its_memory_charged_until_it_ends() {
    let deadline = Duration::from_millis(50);
    let (served, held) = held(Limits { small: 0, large: 2, inline: 0, deadline, ..patient() }).await;
    let mut client = Client::connect(&served).await;
    assert_eq!(client.post(b"{}").await.status, 504);
    assert_eq!(client.post(b"{}").await.status, 503, "it is still under way");
    drop(held.may_end);
    // A request that is rejected unread ends its connection.
    let comes_back = async { while Client::connect(&served).await.post(b"{}").await.status != 200 {} };
    timeout(PATIENCE, comes_back).await.expect("the share does not come back");
}

#[tokio::test]
async fn a_body_that_stalls_times_out() {
    let served = Served::start(Limits { deadline: Duration::from_millis(50), ..patient() }, allow).await;
    let mut client = Client::connect(&served).await;
    client.begin(5, b"{").await;
    assert_eq!(client.response().await.status, 408);
}

#[tokio::test]
async fn a_panic_ends_one_request_and_is_counted() {
    for inline in [0, MIB] {
        let served = Served::start(Limits { inline, ..patient() }, |endpoint, body| {
            assert_ne!(body, b"bad", "out of luck");
            allow(endpoint, body)
        })
        .await;
        let mut client = Client::connect(&served).await;
        let Response { status, body, .. } = client.post(b"bad").await;
        assert_eq!(status, 500);
        assert!(body.contains("a defect of seinode-operator"), "{body}");
        assert_eq!(client.post(b"{}").await.status, 200);
        assert_eq!(served.metric("sei_admission_panics_total"), 1.0);
    }
}

#[tokio::test]
async fn after_the_stop_every_response_ends_its_connection() {
    let (served, held) = held(Limits { inline: 0, grace: Duration::from_secs(1), ..patient() }).await;
    let mut known = Client::connect(&served).await;
    held.may_end.send(()).unwrap();
    assert!(!known.post(b"{}").await.head.contains("connection: close"));
    let (idle, held) = (Client::connect(&served).await, held.begun().await);

    served.stop.cancel();
    held.may_end.send(()).unwrap();
    let Response { status, head, .. } = known.post(b"{}").await;
    assert!(status == 200 && head.contains("connection: close"), "{head}");
    known.until_closed().await;
    let held = held.begun().await;

    // A request that begins now, and is under way when the grace is over.
    let mut late = Client::connect(&served).await;
    let late = tokio::spawn(async move { late.post(b"{}").await.status });
    let held = held.begun().await;
    idle.until_closed().await;
    assert!(TcpStream::connect(served.address).await.is_err(), "it still listens");
    held.may_end.send(()).unwrap();
    assert_eq!(late.await.unwrap(), 200);
    served.ended().await;
}

#[tokio::test]
async fn a_review_that_does_not_end_is_cut_off() {
    let short = Duration::from_millis(10);
    let (served, held) = held(Limits { inline: 0, grace: short, finish: short, ..patient() }).await;
    let mut client = Client::connect(&served).await;
    let posted = tokio::spawn(async move { client.post(b"{}").await.status });
    let held = held.begun().await;
    served.stop.cancel();
    served.ended().await;
    posted.abort();
    drop(held);
}
