//! Events on the way to a running cluster, for a live display or as plain lines.

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::tools::{Tool, list};

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
    /// Official release files are being downloaded. Repeated every second.
    Downloading {
        /// Number of them that are not complete.
        files: usize,
        /// Bytes of all files so far.
        received: u64,
        /// Since the downloads began.
        elapsed: Duration,
    },
    /// Tools have been taken from their release file.
    Downloaded {
        /// The tools.
        tools: Vec<Tool>,
        /// Host and path of the file.
        file: String,
        /// Since the downloads began.
        elapsed: Duration,
    },
    /// The release file of some tools cannot be used, so they are built.
    NotDownloaded {
        /// The tools.
        tools: Vec<Tool>,
        /// The reason.
        reason: String,
    },
    /// Tools have to be built.
    BuildsPlanned {
        /// The tools of each build, and its usual duration on two idle cores with nothing cached, in the order of builds.
        costs: Vec<(Vec<Tool>, Duration)>,
    },
    /// Tools are being built from source. Repeated every second.
    Building {
        /// The tools.
        tools: Vec<Tool>,
        /// It is the `number`th of `of` builds, counted from 1.
        number: usize,
        /// Number of builds.
        of: usize,
        /// Since this build began; zero in the first event.
        elapsed: Duration,
        /// Usual duration of this build on two idle cores with nothing cached, download of the sources included.
        expected: Duration,
    },
    /// Tools have been built.
    Built {
        /// The tools.
        tools: Vec<Tool>,
        /// Duration of the build.
        elapsed: Duration,
    },
    /// Another process is obtaining the same tools. Repeated every second.
    WaitingForTools {
        /// The tools.
        tools: Vec<Tool>,
        /// Since the waiting began; zero in the first event.
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
    /// Repeats an earlier event, with a later time.
    #[must_use]
    pub fn is_repetition(&self) -> bool {
        self.repeated().is_some_and(|elapsed| elapsed.as_secs() > 0)
    }

    /// Deserves a line in a plain log: not if it is quick, and a repetition only now and then.
    fn is_news(&self) -> bool {
        match self.repeated() {
            Some(elapsed) => elapsed.as_secs().is_multiple_of(REMINDER.as_secs()),
            None => !matches!(self, Self::ToolFound { .. } | Self::Starting(_)),
        }
    }

    /// The time in an event that is repeated every second.
    fn repeated(&self) -> Option<Duration> {
        match self {
            Self::Downloading { elapsed, .. }
            | Self::Building { elapsed, .. }
            | Self::WaitingForTools { elapsed, .. }
            | Self::WaitingForMachine { elapsed } => Some(*elapsed),
            Self::ToolFound { .. }
            | Self::ToolRejected { .. }
            | Self::Downloaded { .. }
            | Self::NotDownloaded { .. }
            | Self::BuildsPlanned { .. }
            | Self::Built { .. }
            | Self::Starting(_)
            | Self::Ready { .. } => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToolFound { tool, path } => write!(f, "{tool}: {}", path.display()),
            Self::ToolRejected { tool, path, reason } => {
                write!(f, "{tool}: ignoring {}: {reason}", path.display())
            }
            Self::Downloading { files, received, elapsed } => {
                let (mib, seconds) = (received >> 20, elapsed.as_secs());
                write!(f, "downloading release files ({files} left): {mib} MiB after {seconds} s")
            }
            Self::Downloaded { tools, file, elapsed } => {
                write!(f, "downloaded {} from {file} after {} s", list(tools), elapsed.as_secs())
            }
            Self::NotDownloaded { tools, reason } => {
                write!(f, "building {} instead of downloading: {reason}", list(tools))
            }
            Self::BuildsPlanned { costs } => write_plan(f, costs),
            Self::Building { tools, number, of, elapsed, expected } => write!(
                f,
                "building {} ({number} of {of}): {} s of about {} s",
                list(tools),
                elapsed.as_secs(),
                expected.as_secs()
            ),
            Self::Built { tools, elapsed } => write!(f, "built {} in {} s", list(tools), elapsed.as_secs()),
            Self::WaitingForTools { tools, elapsed } => {
                let seconds = elapsed.as_secs();
                write!(f, "another process is obtaining {}, waiting for {seconds} s", list(tools))
            }
            Self::WaitingForMachine { elapsed } => {
                let seconds = elapsed.as_secs();
                write!(f, "another process has a real node on this machine, waiting for {seconds} s")
            }
            Self::Starting(part) => write!(f, "starting {part}"),
            Self::Ready { elapsed } => write!(f, "ready after {:.1} s", elapsed.as_secs_f32()),
        }
    }
}

fn write_plan(f: &mut fmt::Formatter<'_>, costs: &[(Vec<Tool>, Duration)]) -> fmt::Result {
    let parts: Vec<_> =
        costs.iter().map(|(tools, cost)| format!("{} ({} s)", list(tools), cost.as_secs())).collect();
    let minutes = costs.iter().map(|(_, cost)| *cost).sum::<Duration>().as_secs().div_ceil(60);
    write!(f, "to be built, in about {minutes} min on two idle cores: {}", parts.join(", "))
}
