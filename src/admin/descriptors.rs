//! File descriptors: the process takes as many as it may have, and each server gets a share that leaves room for others.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections that one server is ever given: a silent one costs little, and the more there are, the longer each has to
/// send its request before a flood evicts it.
const MOST: u64 = 4096;
/// Connections that one server is given on the most restricted machine.
const LEAST: u64 = 16;
/// A server's share of the limit: health, metrics, webhooks, and five parts for watches, sidecars and files.
const PARTS: u64 = 8;
/// The limit under which a fleet of nodes gets short of descriptors.
const ENOUGH: u64 = 1024;

/// Raises the soft limit of open files to the hard one, as Go programs do at start. Returns the limit.
pub fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current }.unwrap_or(u64::MAX);
    if limit < ENOUGH {
        tracing::warn!(
            limit,
            "the process may open few files; raise the hard limit (ulimit -Hn) to {ENOUGH} or more"
        );
    }
    limit
}

/// The connections that one server may have open under a limit of open files.
pub fn share(limit: u64) -> usize {
    usize::try_from((limit / PARTS).clamp(LEAST, MOST)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_servers_leave_most_of_the_limit_to_others() {
        assert_eq!([share(64), share(256), share(1024), share(u64::MAX)], [16, 32, 128, 4096]);
        assert!([256, 1024, 20_000].iter().all(|limit| 3 * share(*limit) as u64 <= limit / 2));
    }
}
