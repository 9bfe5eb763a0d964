//! The attacks. Each holds a bounded number of connections and ends when it is stopped.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{binary::Binary, review};

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;
type Attack = fn(Arc<Binary>, CancellationToken) -> Running;

/// Pause of a client before it connects again: it bounds the rate of connections.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest that a client waits for a response.
const PATIENCE: Duration = Duration::from_secs(5);

/// The attacks, by name.
pub const ATTACKS: [(&str, Attack); 6] = [
    ("expensive JSON", |binary, stop| Box::pin(expensive(binary, stop))),
    ("one byte of a body", |binary, stop| Box::pin(one_byte(binary, stop))),
    ("silent at the health port", |binary, stop| {
        let port = binary.health;
        Box::pin(silent(port, 2000, stop))
    }),
    ("silent at the metrics port", |binary, stop| {
        let port = binary.metrics;
        Box::pin(silent(port, 2000, stop))
    }),
    ("handshakes that stall", |binary, stop| Box::pin(handshakes(binary, stop))),
    ("50 large bodies at once", |binary, stop| Box::pin(large(binary, stop))),
];

/// Runs so many clients, each again and again, until they are stopped.
async fn repeat<F: Future>(clients: usize, stop: &CancellationToken, client: impl Fn(usize) -> F) {
    let all = join_all((0..clients).map(|number| {
        let client = &client;
        async move {
            loop {
                client(number).await;
                sleep(PAUSE).await;
            }
        }
    }));
    tokio::select! {
        _ = all => {}
        () = stop.cancelled() => {}
    }
}

/// Sends a request and reads whatever comes back.
async fn post(binary: &Binary, request: &[u8]) {
    let Ok(mut stream) = binary.connect().await else { return };
    if stream.write_all(request).await.is_ok() && stream.flush().await.is_ok() {
        let _ = timeout(PATIENCE, stream.read(&mut [0; 1024])).await;
    }
}

async fn expensive(binary: Arc<Binary>, stop: CancellationToken) {
    let bodies = ["0", "[0]", "{}", r#"{"":0}"#].map(review::hostile);
    repeat(4, &stop, |number| post(&binary, &bodies[number])).await;
}

async fn large(binary: Arc<Binary>, stop: CancellationToken) {
    let body = review::hostile(r#"{"":0}"#);
    repeat(50, &stop, |_| post(&binary, &body)).await;
}

async fn one_byte(binary: Arc<Binary>, stop: CancellationToken) {
    let begin = [review::head("/mutate/statefulset", 200_000), b"{".to_vec()].concat();
    repeat(600, &stop, |_| post(&binary, &begin)).await;
}

async fn silent(port: u16, connections: usize, stop: CancellationToken) {
    repeat(connections, &stop, |_| async move {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
            // Until the server closes it.
            let _ = stream.read(&mut [0; 1024]).await;
        }
    })
    .await;
}

/// The first bytes of a TLS record with a ClientHello, which never goes on.
async fn handshakes(binary: Arc<Binary>, stop: CancellationToken) {
    let port = binary.webhooks;
    repeat(1000, &stop, |_| async move {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
            let _ = stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
            let _ = stream.read(&mut [0; 1024]).await;
        }
    })
    .await;
}
