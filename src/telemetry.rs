//! Log lines on standard error: the filter, the format, and panics. Standard output stays free for results.

mod one_line;

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, filter, fmt, prelude::*};

use self::one_line::OneLine;

/// The variable that chooses what is logged.
pub const FILTER_VARIABLE: &str = "RUST_LOG";

/// Events of this workspace from info on, warnings of others. kube repeats every failed request and every refused watch in its own words
/// and with the whole response; the controller reports both once, so kube is left out there.
const DEFAULT_FILTER: &str = "warn,\
    kube_client::client::builder=off,kube_runtime::watcher=error,\
    seinode_operator=info,seinode_controller=info,seinode_core=info,seinode_api=info,\
    seinode_webhook=info,seinode_certs=info";

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Filter of log lines: directives of `tracing`, known to be well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

/// Reason why logging could not be set up; a defect of ours.
#[derive(Debug, thiserror::Error)]
pub enum CannotLog {
    /// The filter.
    #[error("the log filter: {0}")]
    Filter(#[from] filter::ParseError),
    /// Logging was set up before.
    #[error("the log: {0}")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

impl LogFilter {
    /// Checks directives.
    ///
    /// # Errors
    /// When a directive is malformed.
    pub fn parse(text: &str) -> Result<Self, filter::ParseError> {
        EnvFilter::builder().parse(text).map(|_| Self(text.to_owned()))
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self(DEFAULT_FILTER.to_owned())
    }
}

/// Sets up logging for the whole process, panics included.
///
/// # Errors
/// When logging was set up before.
pub fn install(format: LogFormat, filter: &LogFilter) -> Result<(), CannotLog> {
    let lines = match format {
        LogFormat::Text => {
            fmt::layer().with_writer(|| OneLine(stderr())).with_ansi(stderr().is_terminal()).boxed()
        }
        LogFormat::Json => fmt::layer().with_writer(stderr).json().flatten_event(true).boxed(),
    };
    let filter = EnvFilter::builder().parse(&filter.0)?;
    tracing_subscriber::registry().with(lines.with_filter(filter)).try_init()?;
    let plain = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if tracing::enabled!(tracing::Level::ERROR) {
            let backtrace = std::backtrace::Backtrace::capture();
            tracing::error!(%panic, %backtrace, "a defect: something panicked");
        } else {
            plain(panic);
        }
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_room_logs_at_info_by_default() {
        let LogFilter(default) = LogFilter::default();
        LogFilter::parse(&default).unwrap();
        for room in ["operator", "controller", "core", "api", "webhook", "certs"] {
            assert!(default.contains(&format!("seinode_{room}=info")), "{room} in {default}");
        }
    }

    #[test]
    fn bad_directives_are_refused() {
        LogFilter::parse("warn,seinode_controller=debug").unwrap();
        let refused = LogFilter::parse("seinode_controller=loud").unwrap_err().to_string();
        assert!(refused.contains("level"), "{refused}");
    }
}
