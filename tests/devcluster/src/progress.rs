//! Progress events, for a live display or plain lines.

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::tools::Tool;

/// Interval at which [`Progress::lines`] repeats that a build is still running.
const REMINDER: Duration = Duration::from_secs(15);

/// One thing that happened on the way to a running cluster. `Display` gives a line for a person.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A fitting binary is there already.
    ToolFound {
        /// The tool.
        tool: Tool,
        /// Its binary.
        path: PathBuf,
    },
    /// A binary was passed over, because of its version or because it does not run.
    ToolRejected {
        /// The tool.
        tool: Tool,
        /// The binary.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A tool is being built from source. Repeated every second.
    Building {
        /// The tool.
        tool: Tool,
        /// It is the `number`th of `of` tools to build, counted from 1.
        number: usize,
        /// Number of tools to build.
        of: usize,
        /// Since the build of this tool began; zero in the first event.
        elapsed: Duration,
        /// Build time on a small machine with nothing cached, download included.
        expected: Duration,
    },
    /// A tool has been built.
    Built {
        /// The tool.
        tool: Tool,
        /// Duration.
        elapsed: Duration,
    },
    /// Another process is building the same tool. Repeated every second.
    WaitingForBuild {
        /// The tool.
        tool: Tool,
        /// For how long we have been waiting; zero in the first event.
        elapsed: Duration,
    },
    /// Another process has its real node on this machine. Repeated every second.
    WaitingForMachine {
        /// For how long we have been waiting; zero in the first event.
        elapsed: Duration,
    },
    /// A part of the cluster is being started or prepared.
    Starting(&'static str),
    /// The cluster is ready.
    Ready {
        /// From the first process to readiness.
        elapsed: Duration,
    },
}

/// Receiver of events. Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&Event) + Send + Sync>);

impl Progress {
    /// Calls `show` for every event, from whichever thread it happens on.
    pub fn new(show: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(show))
    }

    /// Tells nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    /// A plain line on the standard error of the process for every step that takes time. The test harness does not
    /// capture it.
    #[must_use]
    pub fn lines() -> Self {
        Self::new(|event| {
            if event.is_news() {
                // Nobody to tell is no reason to stop.
                let _ = writeln!(std::io::stderr().lock(), "devcluster: {event}");
            }
        })
    }

    pub(crate) fn report(&self, event: &Event) {
        (self.0)(event);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::silent()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl Event {
    /// Decides if a plain log gets a line: not for quick steps, and a repetition only now and then.
    fn is_news(&self) -> bool {
        match self {
            Self::ToolFound { .. } | Self::Starting(_) => false,
            Self::ToolRejected { .. } | Self::Built { .. } | Self::Ready { .. } => true,
            Self::Building { elapsed, .. }
            | Self::WaitingForBuild { elapsed, .. }
            | Self::WaitingForMachine { elapsed } => elapsed.as_secs().is_multiple_of(REMINDER.as_secs()),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToolFound { tool, path } => write!(f, "{tool}: {}", path.display()),
            Self::ToolRejected { tool, path, reason } => {
                write!(f, "{tool}: passing over {}: {reason}", path.display())
            }
            Self::Building { tool, number, of, elapsed, expected } => write!(
                f,
                "building {tool} ({number} of {of}), {} s so far, about {} s with nothing cached",
                elapsed.as_secs(),
                expected.as_secs()
            ),
            Self::Built { tool, elapsed } => write!(f, "built {tool} in {} s", elapsed.as_secs()),
            Self::WaitingForBuild { tool, elapsed } => {
                write!(f, "another process is building {tool}, waiting for {} s", elapsed.as_secs())
            }
            Self::WaitingForMachine { elapsed } => {
                let waited = elapsed.as_secs();
                write!(f, "another process has a real node on this machine, waiting for {waited} s")
            }
            Self::Starting(part) => write!(f, "starting {part}"),
            Self::Ready { elapsed } => write!(f, "ready after {:.1} s", elapsed.as_secs_f32()),
        }
    }
}
