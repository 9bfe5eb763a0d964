//! The clients that must be served: an API server with its reviews, and a kubelet with its probe.

use std::{io, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::{binary::Binary, review};

/// Connections of the API server, and reviews a second of all together.
const LANES: u32 = 8;
const RATE: u32 = 100;
/// One of so many reviews comes on a new connection, as from an API server that just started.
const FRESH: u32 = 10;
/// Time in which a review must be answered.
const WITHIN: Duration = Duration::from_secs(1);
/// Between two probes, and the longest that one is waited for.
const PROBE: Duration = Duration::from_millis(100);
const PROBE_MOST: Duration = Duration::from_secs(5);

/// Outcome of the reviews.
pub struct Tally {
    pub sent: u32,
    pub late: u32,
    pub p99: Duration,
}

/// Sends reviews at their times until it is stopped.
pub async fn send(binary: Arc<Binary>, stop: CancellationToken) -> Tally {
    let begun = Instant::now();
    let request = review::genuine();
    let lanes = (0..LANES).map(async |lane| {
        let (mut times, mut connection) = (Vec::new(), None);
        for number in (lane..).step_by(LANES as usize) {
            let due = begun + Duration::from_secs(1) * number / RATE;
            tokio::select! {
                () = sleep_until(due) => {}
                () = stop.cancelled() => break,
            }
            if number % FRESH == 0 {
                connection = None;
            }
            let answered = timeout_at(due + WITHIN, exchange(&binary, &mut connection, &request)).await;
            if !matches!(answered, Ok(Ok(()))) {
                connection = None;
                times.push(None);
            } else {
                times.push(Some(due.elapsed()));
            }
        }
        times
    });
    let times = join_all(lanes).await.concat();
    let mut answered: Vec<_> = times.iter().flatten().copied().collect();
    answered.sort();
    let p99 = answered.get(answered.len() * 99 / 100).copied().unwrap_or(WITHIN);
    let count = |number: usize| u32::try_from(number).unwrap();
    Tally { sent: count(times.len()), late: count(times.len() - answered.len()), p99 }
}

type Connection = BufReader<TlsStream<TcpStream>>;

/// Sends a review and reads its response. A kept connection that ends before any response is replaced once, as Go's transport
/// does.
async fn exchange(binary: &Binary, kept: &mut Option<Connection>, request: &[u8]) -> io::Result<()> {
    if let Some(mut connection) = kept.take()
        && call(&mut connection, request).await.is_ok()
    {
        *kept = Some(connection);
        return Ok(());
    }
    let mut connection = BufReader::new(binary.connect().await?);
    call(&mut connection, request).await?;
    *kept = Some(connection);
    Ok(())
}

async fn call(connection: &mut Connection, request: &[u8]) -> io::Result<()> {
    connection.write_all(request).await?;
    connection.flush().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    match head.starts_with("http/1.1 200") && body.windows(14).any(|part| part == b"\"allowed\":true") {
        true => Ok(()),
        false => Err(io::Error::other(head)),
    }
}

/// The slowest of the probes until it is stopped.
pub async fn probe(binary: Arc<Binary>, stop: CancellationToken) -> Duration {
    let mut slowest = Duration::ZERO;
    while timeout(PROBE, stop.cancelled()).await.is_err() {
        slowest = slowest.max(binary.livez(PROBE_MOST).await);
    }
    slowest
}
