//! The limits of the server. Settings, so that a test can set one of them low.

use std::time::Duration;

/// Limits of connections, time, size and work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Beyond them the slowest or idle ones are evicted.
    pub connections: usize,
    /// From the connection to the end of the handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its header.
    pub header: Duration,
    /// From the header of a request to the first byte of its body, while more than [`Limits::few`] requests wait for theirs.
    pub first_byte: Duration,
    /// The same while no more than that wait. API servers write header and body apart, and one that is short of CPU takes a
    /// while in between: its calls must not fail for what strangers do only in crowds.
    pub first_byte_of_few: Duration,
    /// Requests that may wait for the first byte of their body without haste.
    pub few: usize,
    /// Between two requests. Longer than API servers keep theirs (90 s, Go's `IdleConnTimeout`), so that it is they
    /// who close: a request that meets a closing connection fails.
    pub idle: Duration,
    /// Age at which a connection ends with its next response, so that calls spread over new replicas too.
    pub age: Duration,
    /// From the header of a request to its response, at most. The API server sends in the query how long it waits
    /// (`timeout=2s`, from `timeoutSeconds`); nine tenths of that apply where they are shorter.
    pub deadline: Duration,
    /// The largest body in bytes. A review holds an object and its old state, and etcd takes 1.5 MiB of each.
    pub body: usize,
    /// The largest small body in bytes. Small bodies are a reserve beside [`Limits::large`]: each connection may hold one.
    pub small: usize,
    /// Bytes of larger bodies that are held at once. Beyond it the slowest body is evicted, and a body that finds no room is
    /// answered with 503.
    pub large: usize,
    /// The largest body that is reviewed at once; larger ones go to the blocking pool, so that small ones do not wait.
    pub inline: usize,
    /// Most bodies that are reviewed on the blocking pool at once. One core is left for small bodies where there are several.
    pub pool: usize,
    /// Time to go on serving after the stop.
    pub grace: Duration,
    /// Longest time that requests under way may take after that.
    pub finish: Duration,
    /// Pause when the machine has no file descriptor left.
    pub exhausted: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(5),
            first_byte: Duration::from_millis(250),
            first_byte_of_few: Duration::from_secs(2),
            few: 16,
            idle: Duration::from_secs(120),
            age: Duration::from_secs(600),
            deadline: Duration::from_millis(2700),
            body: 7 << 19,
            small: 64 << 10,
            large: 28 << 20,
            inline: 64 << 10,
            pool: 4,
            grace: Duration::from_secs(10),
            finish: Duration::from_secs(3),
            exhausted: Duration::from_millis(100),
        }
    }
}
