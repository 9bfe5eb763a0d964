use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

const BODY: &[u8] = b"the bytes of a release file";
const SHORT: Pace = Pace { bytes: 1 << 20, time: Duration::from_secs(2) };

/// Behaviour of the test server for one path.
#[derive(Clone)]
enum Reply {
    Body(Vec<u8>),
    Status(u16),
    /// The header promises more bytes than are sent.
    Cut,
    Redirect(&'static str),
    /// Nothing, with the connection open.
    Silence,
    /// A byte now and then, for ever.
    Drip,
}

/// An HTTP server on loopback, which ends when it is dropped.
struct Server {
    mirror: Mirror,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(replies: &[(&'static str, Reply)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mirror = Mirror::At(format!("http://{}", listener.local_addr().unwrap()));
        let replies: Arc<[_]> = replies.into();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(reply(stream, Arc::clone(&replies)));
            }
        });
        Self { mirror, task }
    }
}

async fn reply(mut stream: TcpStream, replies: Arc<[(&'static str, Reply)]>) {
    let mut request = vec![0; 4096];
    let length = stream.read(&mut request).await.unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let reply = replies.iter().find(|(at, _)| *at == path).map_or(Reply::Status(404), |it| it.1.clone());
    let head = |status: u16, length: usize, more: &str| {
        format!("HTTP/1.1 {status} Reply\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n")
            .into_bytes()
    };
    let bytes = match &reply {
        Reply::Body(body) => [head(200, body.len(), ""), body.clone()].concat(),
        Reply::Status(status) => head(*status, 0, ""),
        Reply::Cut => [head(200, BODY.len(), ""), BODY[..5].to_vec()].concat(),
        Reply::Redirect(to) => head(302, 0, &format!("location: {to}\r\n")),
        Reply::Silence => Vec::new(),
        Reply::Drip => head(200, 1 << 30, ""),
    };
    let _ = stream.write_all(&bytes).await;
    match reply {
        Reply::Silence => std::future::pending().await,
        Reply::Drip => {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            while stream.write_all(b"x").await.is_ok() {
                ticks.tick().await;
            }
        }
        _ => {}
    }
}

fn sum_of(bytes: &[u8]) -> Checksum {
    let mut hasher = Hasher::like(&Checksum::parse(&"0".repeat(64)).unwrap());
    hasher.update(bytes);
    hasher.finish()
}

fn digits(bytes: &[u8]) -> String {
    sum_of(bytes).to_string().split_once(':').unwrap().1.to_owned()
}

fn order(directory: &TempDir, file: &str, checksum: Source) -> Order {
    let path = directory.path().join(file.replace('/', "-"));
    Order { release: Release::example(file, checksum), path }
}

fn pinned() -> Source {
    Source::Pinned(sum_of(BODY))
}

fn published() -> Source {
    Source::Published("host/a.sum".to_owned())
}

async fn run(server: &Server, orders: &[Order]) -> Vec<Result<(), DownloadError>> {
    download(orders, &server.mirror, SHORT, &Progress::silent()).await
}

#[tokio::test]
async fn a_file_with_its_pinned_checksum_arrives() {
    let (server, directory) = (Server::start(&[("host/a", Reply::Body(BODY.to_vec()))]).await, tempdir());
    let orders = [order(&directory, "host/a", pinned())];
    run(&server, &orders).await.remove(0).unwrap();
    assert_eq!(std::fs::read(&orders[0].path).unwrap(), BODY);
}

#[tokio::test]
async fn a_file_with_its_published_checksum_arrives() {
    let list = format!("{}  b\n{}  a\n", "0".repeat(64), digits(BODY));
    let replies = [("host/a", Reply::Body(BODY.to_vec())), ("host/a.sum", Reply::Body(list.into_bytes()))];
    let (server, directory) = (Server::start(&replies).await, tempdir());
    let orders = [order(&directory, "host/a", published())];
    run(&server, &orders).await.remove(0).unwrap();
    assert_eq!(std::fs::read(&orders[0].path).unwrap(), BODY);
}

#[tokio::test]
async fn every_failure_has_one_line_and_leaves_no_file() {
    let good = Reply::Body(BODY.to_vec());
    let other = Reply::Body(b"something else".to_vec());
    let elsewhere = Reply::Body(format!("{}  b\n", digits(BODY)).into_bytes());
    let cases = [
        (pinned(), vec![], "answers 404"),
        (pinned(), vec![("host/a", Reply::Status(503))], "answers 503"),
        (pinned(), vec![("host/a", Reply::Cut)], "end of file before message length reached"),
        (pinned(), vec![("host/a", other)], "expected sha256:"),
        (pinned(), vec![("host/a", Reply::Redirect("/host/a"))], "too many redirects"),
        (published(), vec![("host/a", good.clone())], "a.sum answers 404"),
        (published(), vec![("host/a", good.clone()), ("host/a.sum", elsewhere)], "has no checksum of a"),
        (published(), vec![("host/a", good.clone()), ("host/a.sum", Reply::Cut)], "end of file"),
        (published(), vec![("host/a", good), ("host/a.sum", Reply::Body(vec![b'x'; 2 << 20]))], "more than"),
    ];
    for (checksum, replies, expected) in cases {
        let (server, directory) = (Server::start(&replies).await, tempdir());
        let orders = [order(&directory, "host/a", checksum)];
        let error = run(&server, &orders).await.remove(0).unwrap_err().to_string();
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
        assert!(error.starts_with("http://127.0.0.1:"), "{error}");
        assert!(!orders[0].path.exists(), "{error}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (mirror, directory) = (Mirror::At(format!("http://{free}")), tempdir());
    let orders = [order(&directory, "host/a", pinned())];
    let error = download(&orders, &mirror, SHORT, &Progress::silent()).await.remove(0).unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn silence_and_dripping_share_one_timeout() {
    let replies = [("host/a", Reply::Silence), ("host/b", Reply::Drip), ("host/a.sum", Reply::Silence)];
    let (server, directory) = (Server::start(&replies).await, tempdir());
    let orders = [
        order(&directory, "host/a", pinned()),
        order(&directory, "host/b", pinned()),
        order(&directory, "host/c", published()),
    ];
    let begin = Instant::now();
    for result in run(&server, &orders).await {
        assert!(matches!(result, Err(DownloadError::Slow { .. })), "{result:?}");
    }
    assert!(begin.elapsed() >= SHORT.time, "it gave up at once");
    assert!(begin.elapsed() < SHORT.time * 3, "each file had a time-out of its own");
    assert!(orders.iter().all(|order| !order.path.exists()));
}

#[tokio::test]
async fn a_silent_file_does_not_spoil_the_others() {
    let replies = [("host/a", Reply::Silence), ("host/b", Reply::Body(BODY.to_vec()))];
    let (server, directory) = (Server::start(&replies).await, tempdir());
    let orders = [order(&directory, "host/a", pinned()), order(&directory, "host/b", pinned())];
    let results = run(&server, &orders).await;
    assert!(matches!(results[0], Err(DownloadError::Slow { .. })), "{results:?}");
    assert!(results[1].is_ok() && orders[1].path.exists(), "{results:?}");
}

#[tokio::test]
async fn a_checksum_over_plain_http_proves_nothing() {
    let (mirror, directory) = (Mirror::At("http://mirror.example".to_owned()), tempdir());
    let orders = [order(&directory, "host/a", published())];
    let result = download(&orders, &mirror, SHORT, &Progress::silent()).await.remove(0);
    assert!(matches!(result, Err(DownloadError::Unprotected { .. })), "{result:?}");
}

#[tokio::test]
async fn an_unwritable_cache_is_reported() {
    let (server, directory) = (Server::start(&[("host/a", Reply::Body(BODY.to_vec()))]).await, tempdir());
    let mut order = order(&directory, "host/a", pinned());
    std::fs::write(directory.path().join("file"), "").unwrap();
    order.path = directory.path().join("file/download");
    let result = run(&server, &[order]).await.remove(0);
    assert!(matches!(result, Err(DownloadError::Disk { .. })), "{result:?}");
}

fn tempdir() -> TempDir {
    tempfile::tempdir().unwrap()
}
