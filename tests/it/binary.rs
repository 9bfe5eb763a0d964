//! The binary by itself: what it says about wrong settings, its endpoints, its signals. Nothing here needs a cluster;
//! where an API server belongs there is a closed port.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use rustix::process::{Pid, Signal, kill_process};
use scenario::scenario;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use xtask::platform::PLATFORM;

use crate::kit::eventually;

/// Anything here takes milliseconds; a machine under load may need longer.
const PATIENCE: Duration = Duration::from_secs(30);

#[scenario]
async fn wrong_settings_are_all_reported_at_once_and_exit_2() {
    let mut command = operator(&["run", "--leader-elect=perhaps", "--metrics-bind-address=nowhere"]);
    command.env("SEINODE_LOG_FORMAT", "xml").env("SEI_STORAGE_SIZE_DEFAULT", "2TB");
    command.env_remove("SEI_NODEPOOL_NAME").env_remove("SEI_GENESIS_REGION");
    let (code, said) = end(command).await;
    assert_eq!(code, Some(2), "{said}");
    let settings: Vec<_> = said.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(
        settings,
        [
            "--metrics-bind-address",
            "--leader-elect",
            "--log-format",
            "SEI_NODEPOOL_NAME",
            "SEI_STORAGE_SIZE_DEFAULT",
            "SEI_GENESIS_REGION"
        ],
        "{said}"
    );
    assert!(said.contains("2TB") && said.contains("such as 2000Gi"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[scenario]
async fn without_credentials_it_ends_without_quoting_them() {
    let home = tempfile::tempdir().unwrap();
    let mut nothing = operator(&["run"]);
    nothing.env("HOME", home.path());
    let (code, said) = end(nothing).await;
    assert!(code == Some(1) && said.contains("KUBECONFIG is not set"), "{said}");

    let torn = home.path().join("torn");
    std::fs::write(&torn, "users:\n- {name: a, user: {token: [hunter2\n").unwrap();
    let mut malformed = operator(&["run"]);
    malformed.env("KUBECONFIG", &torn);
    let (code, said) = end(malformed).await;
    assert!(
        code == Some(1) && said.contains("is no valid kubeconfig") && !said.contains("hunter2"),
        "{said}"
    );
}

#[scenario]
async fn a_taken_address_is_named_with_its_flag() {
    let (home, taken) = (tempfile::tempdir().unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = taken.local_addr().unwrap().to_string();
    let mut command = operator(&["run", "--health-probe-bind-address=127.0.0.1:0"]);
    command.env("SEINODE_METRICS_BIND_ADDRESS", &address).env("KUBECONFIG", unreachable(home.path()));
    let (code, said) = end(command).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("--metrics-bind-address: cannot listen on {address}")), "{said}");
}

#[scenario]
async fn crds_prints_the_golden_definition() {
    let Output { status, stdout, .. } = operator(&["crds"]).output().await.unwrap();
    assert!(status.success());
    let golden = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/charts/seinode-crds/files/seinodes.sei.io.yaml"
    ));
    assert!(
        String::from_utf8(stdout).unwrap() == golden.unwrap(),
        "`seinode-operator crds` differs from the file"
    );
}

#[scenario]
async fn endpoints_answer_without_an_api_server_until_sigterm() {
    let home = tempfile::tempdir().unwrap();
    let mut operator = Running::start(home.path(), &[]).await;

    assert_eq!(get(operator.health, "/livez").await, (200, "ok\n".into()));
    assert_eq!(get(operator.health, "/healthz").await, (200, "ok\n".into()));
    let gates = eventually("the controller's gates are up", async || {
        let (status, gates) = get(operator.health, "/readyz?verbose").await;
        assert_eq!(status, 503, "{gates}");
        if gates.contains("[+]process ok\n") && gates.contains("[-]watch") { Ok(gates) } else { Err(gates) }
    })
    .await;
    assert!(gates.ends_with("not ready\n"), "{gates}");
    let (status, metrics) = get(operator.metrics, "/metrics").await;
    assert_eq!(status, 200);
    let build = format!("sei_controller_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
    assert!(metrics.contains(&build) && metrics.contains("\nprocess_resident_memory_bytes "), "{metrics}");

    let asked = Instant::now();
    operator.send(Signal::TERM);
    assert_eq!(operator.exit_code().await, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
}

#[scenario]
async fn an_endpoint_can_be_switched_off() {
    let home = tempfile::tempdir().unwrap();
    let mut command = operator(&["run", "--metrics-bind-address=0", "--log-format=json"]);
    command.args(["--health-probe-bind-address=127.0.0.1:0"]).env("KUBECONFIG", unreachable(home.path()));
    let mut operator = Running::spawn(command);
    operator.health = operator.listening("health").await;
    operator.send(Signal::INT);
    assert_eq!(operator.exit_code().await, Some(0));
    let rest = operator.rest().await;
    assert!(!rest.iter().any(|line| line["endpoint"] == "metrics"), "{rest:?}");
}

/// The kubelet's probes have 5 s; see the Deployment of the chart.
const PROBE: Duration = Duration::from_secs(5);

/// Five thousand connections to each endpoint, of which none sends a byte, while the process may open 256 files.
#[scenario]
async fn silent_connections_starve_neither_probes_nor_scrapes() {
    const SILENT: usize = 5000;
    let home = tempfile::tempdir().unwrap();
    let operator = Running::start_with_files(home.path(), 256).await;
    let both = [operator.health, operator.metrics];
    let flood = stream::iter((0..2 * SILENT).map(|number| TcpStream::connect(both[number % 2])))
        .buffer_unordered(512)
        .filter_map(|connected| std::future::ready(connected.ok()))
        .collect::<Vec<_>>();
    let stop = CancellationToken::new();
    let probe = |address, path| {
        let stop = stop.clone();
        // The kubelet shares no event loop with whoever floods.
        let probing = tokio::task::spawn_blocking(move || {
            let mut worst = Duration::ZERO;
            while !stop.is_cancelled() {
                let begun = Instant::now();
                let status = status(address, path).unwrap_or_else(|error| panic!("{path}: {error}"));
                assert_eq!(status, "HTTP/1.1 200 OK", "{path} after {:?}", begun.elapsed());
                worst = worst.max(begun.elapsed());
            }
            worst
        });
        async { probing.await.unwrap() }
    };
    let flood = async {
        let silent = flood.await;
        stop.cancel();
        silent
    };
    let (silent, livez, metrics) =
        tokio::join!(flood, probe(operator.health, "/livez"), probe(operator.metrics, "/metrics"));
    assert!(silent.len() > SILENT, "only {} connections were made", silent.len());
    let longest = Duration::from_secs(5);
    assert!(livez < longest && metrics < longest, "/livez took {livez:?}, /metrics {metrics:?}");
    let files = eventually("the silent connections are closed", async || {
        let (_, text) = get(operator.metrics, "/metrics").await;
        let files = text.lines().find_map(|line| line.strip_prefix("process_open_fds "));
        let files: f64 = files.unwrap().parse().unwrap();
        if files < 64.0 { Ok(files) } else { Err(files) }
    });
    files.await;
    drop(silent);
}

/// Clients that ask for the metrics and never read them hold little memory, and keep no scraper out.
#[scenario]
async fn unread_scrapes_do_not_keep_a_scraper_out() {
    let home = tempfile::tempdir().unwrap();
    let operator = Running::start(home.path(), &[]).await;
    let mut unread = Vec::new();
    for _ in 0..1000 {
        let mut client = TcpStream::connect(operator.metrics).await.unwrap();
        client.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        unread.push(client);
    }
    let (status, _) = timeout(PROBE, get(operator.metrics, "/metrics")).await.expect("no answer");
    assert_eq!(status, 200);
}

/// The operator with good platform settings and nothing else in its environment.
fn operator(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seinode-operator"));
    command.args(arguments);
    isolate(&mut command);
    command
}

/// Leaves the platform settings and nothing else in the environment of a command.
fn isolate(command: &mut Command) -> &mut Command {
    command.env_clear().envs(PLATFORM).kill_on_drop(true);
    // Webhooks have a fixed port, and what they need is in the cluster.
    command.env("SEINODE_DISABLE_WEBHOOKS", "true");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

/// Its exit code and standard error; it is expected to end by itself.
async fn end(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } =
        timeout(PATIENCE, command.output()).await.expect("it goes on although it cannot start").unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// A kubeconfig that leads to a closed port.
fn unreachable(directory: &std::path::Path) -> std::path::PathBuf {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let path = directory.join("unreachable");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, users: [{{name: u, user: {{}}}}], \
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {{server: 'http://{closed}'}}}}]}}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// The status line of a response, from a client of its own.
fn status(address: SocketAddr, path: &str) -> std::io::Result<String> {
    use std::io::{BufRead, Write};
    let mut stream = std::net::TcpStream::connect_timeout(&address, PROBE)?;
    stream.set_read_timeout(Some(PROBE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    std::io::BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let response = timeout(PATIENCE, reqwest::get(format!("http://{address}{path}"))).await.unwrap().unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// An operator that runs without an API server.
struct Running {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    health: SocketAddr,
    metrics: SocketAddr,
}

impl Running {
    async fn start(home: &std::path::Path, arguments: &[&str]) -> Self {
        let mut command = operator(&["run", "--log-format=json", "--health-probe-bind-address=127.0.0.1:0"]);
        command
            .arg("--metrics-bind-address=127.0.0.1:0")
            .args(arguments)
            .env("KUBECONFIG", unreachable(home));
        let mut running = Self::spawn(command);
        running.health = running.listening("health").await;
        running.metrics = running.listening("metrics").await;
        running
    }

    /// The operator with a limit of open files, soft and hard.
    async fn start_with_files(home: &std::path::Path, files: u32) -> Self {
        let arguments = [
            "--log-format=json",
            "--health-probe-bind-address=127.0.0.1:0",
            "--metrics-bind-address=127.0.0.1:0",
        ];
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" run \"$@\"")]);
        command.arg(env!("CARGO_BIN_EXE_seinode-operator")).args(arguments);
        isolate(&mut command).env("KUBECONFIG", unreachable(home));
        let mut running = Self::spawn(command);
        running.health = running.listening("health").await;
        running.metrics = running.listening("metrics").await;
        running
    }

    fn spawn(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap()).lines();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { process, log, health: nowhere, metrics: nowhere }
    }

    /// The address that an endpoint was given, as the log tells it.
    async fn listening(&mut self, endpoint: &str) -> SocketAddr {
        loop {
            let line = timeout(PATIENCE, self.log.next_line()).await.unwrap().unwrap();
            let line: Value = serde_json::from_str(&line.expect("it ended")).unwrap();
            if line["message"] == "listening" && line["endpoint"] == endpoint {
                return line["address"].as_str().unwrap().parse().unwrap();
            }
        }
    }

    fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id().expect("it ended")).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    async fn exit_code(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.process.wait()).await.expect("it does not end").unwrap().code()
    }

    /// Lines of the log until its end.
    async fn rest(&mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Some(line) = self.log.next_line().await.unwrap() {
            lines.push(serde_json::from_str(&line).unwrap());
        }
        lines
    }
}
