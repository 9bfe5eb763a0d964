//! What the server grants. Settings, so that a test can be short of one thing at a time.

use std::time::Duration;

/// Bounds on connections, time, size and work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Beyond them those give way that are not being answered.
    pub connections: usize,
    /// From the connection to the end of the handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its header.
    pub header: Duration,
    /// Between two requests. Longer than API servers keep theirs (90 s, Go's `IdleConnTimeout`), so that it is they
    /// who close: a request that meets a closing connection fails.
    pub idle: Duration,
    /// After so long a connection ends with its next answer, so that calls spread over new replicas too.
    pub age: Duration,
    /// From the header of a request to its answer, at most. The API server says in the query how long it waits
    /// (`timeout=2s`, from `timeoutSeconds`), and a tenth less counts where that is shorter.
    pub deadline: Duration,
    /// The largest body in bytes. A review holds an object and its old state, and etcd takes 1.5 MiB of each.
    pub body: usize,
    /// Bodies under way, in bytes together. Each counts for a [`Limits::SHARE`] at least, which bounds their number.
    /// Beyond it, requests are refused with 503.
    pub work: usize,
    /// A larger body than this is judged aside, so that small ones do not wait for it.
    pub inline: usize,
    /// How long to go on serving after the stop.
    pub grace: Duration,
    /// How long what is under way may take after that.
    pub finish: Duration,
    /// Pause when the machine has no file descriptor left.
    pub exhausted: Duration,
}

impl Limits {
    /// What a request counts for at least, in bytes.
    pub const SHARE: usize = 256 << 10;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(5),
            idle: Duration::from_secs(120),
            age: Duration::from_secs(600),
            deadline: Duration::from_millis(2700),
            body: 7 << 20,
            work: 64 << 20,
            inline: 128 << 10,
            grace: Duration::from_secs(10),
            finish: Duration::from_secs(3),
            exhausted: Duration::from_millis(100),
        }
    }
}
