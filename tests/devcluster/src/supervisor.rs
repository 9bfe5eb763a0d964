//! Ends every process that we start: after a return, a panic, Ctrl-C, and SIGKILL.
//!
//! Two ways lead to the same end. In the ordinary case [`Process`] and [`Scratch`] clean up when
//! they are dropped. For every other case a second process, the *watchdog*, watches over the first one: it is our own
//! executable started once more, and it holds the read end of a pipe whose write end only we hold. Over that pipe it
//! hears the pid of each child and the path of each directory. When the pipe ends, however we ended, it kills what is
//! still listed and deletes the directories.
//!
//! This must never kill by name or touch a process that was not started through [`Guard::spawn`].

mod inventory;
mod scratch;
mod watchdog;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::process::Process;
pub(crate) use inventory::ended;
pub use scratch::{Keep, Scratch};
pub(crate) use watchdog::end_marked;

/// Set for the watchdog; its value is the mark of the owner.
const ROLE: &str = "DEVCLUSTER_SUPERVISOR";
/// Set for every child; its value is the mark of the owner. With it the watchdog also finds a child whose pid it was
/// not told, because the owner was killed between starting it and saying so.
const OWNER: &str = "DEVCLUSTER_OWNER";

/// The right to start processes that end with this one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mark: String,
    watchdog: Mutex<Option<Watchdog>>,
}

#[derive(Debug)]
struct Watchdog {
    pipe: Option<ChildStdin>,
    process: Child,
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The watchdog could not be started or has gone.
    #[error("cannot start the watchdog that would end `{program}` with us: {source}")]
    Watchdog {
        /// The program that was to be started.
        program: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The log file could not be opened.
    #[error("cannot write the log {path}: {source}", path = path.display())]
    Log {
        /// The log file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The program could not be started.
    #[error("cannot start `{program}`: {source}")]
    Program {
        /// The program.
        program: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

/// Must be the first line of `main` in every program that starts processes through this crate.
///
/// Our own executable is also the watchdog's, and that of `pause` containers on a real node: started as one of these, this call
/// never returns.
#[must_use]
pub fn claim() -> Guard {
    crate::pause::run_if_named();
    if let Some(mark) = std::env::var_os(ROLE) {
        watchdog::serve(&mark.to_string_lossy());
    }
    Guard(Arc::new(Inner { mark: uuid_mark(), watchdog: Mutex::new(None) }))
}

impl Guard {
    /// Starts `command` in a process group of its own, with both outputs appended to `log`. It ends with us.
    ///
    /// # Errors
    /// When the log cannot be written, or the watchdog or the program cannot be started.
    pub fn spawn(&self, name: &str, mut command: Command, log: &Path) -> Result<Process, SpawnError> {
        let program = command.get_program().to_string_lossy().into_owned();
        // Before the child: from its first moment on there must be somebody who would end it.
        self.wake().map_err(|source| SpawnError::Watchdog { program: program.clone(), source })?;
        let output = || OpenOptions::new().create(true).append(true).open(log);
        let open = || output().map_err(|source| SpawnError::Log { path: log.to_owned(), source });
        let child = command
            .stdin(Stdio::null())
            .stdout(open()?)
            .stderr(open()?)
            .env(OWNER, &self.0.mark)
            .env_remove(ROLE)
            .process_group(0)
            .spawn()
            .map_err(|source| SpawnError::Program { program, source })?;
        self.tell(&inventory::started(child.id()));
        Ok(Process::new(name, child, log, self.clone()))
    }

    /// A new directory for a cluster's files; with [`Keep::No`] it is deleted when dropped or when we die.
    ///
    /// # Errors
    /// When it cannot be created, or the watchdog cannot be started.
    pub fn scratch(&self, keep: Keep) -> std::io::Result<Scratch> {
        self.wake()?;
        Scratch::create(keep, self.clone())
    }

    /// Mark in the environment of our children; see [`end_marked`].
    pub(crate) fn mark(&self) -> &str {
        &self.0.mark
    }

    /// Tells the watchdog, if it is there. A watchdog that has gone is no reason to fail: drops still clean up.
    pub(crate) fn tell(&self, line: &str) {
        let mut watchdog = self.0.watchdog.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = watchdog.as_mut().and_then(|watchdog| watchdog.pipe.as_mut()) {
            let sent = pipe.write_all(line.as_bytes()).and_then(|()| pipe.flush());
            if let Err(error) = sent {
                tracing::warn!(%error, "the watchdog has gone; children may outlive us if we are killed");
            }
        }
    }

    fn wake(&self) -> std::io::Result<()> {
        let mut watchdog = self.0.watchdog.lock().unwrap_or_else(PoisonError::into_inner);
        if watchdog.is_none() {
            *watchdog = Some(Watchdog::start(&self.0.mark)?);
        }
        Ok(())
    }
}

impl Watchdog {
    fn start(mark: &str) -> std::io::Result<Self> {
        // Linux's link reaches our executable even after a rebuild has replaced the file.
        let link = Path::new("/proc/self/exe");
        let ourselves = if link.exists() { link.to_owned() } else { std::env::current_exe()? };
        let mut process = Command::new(ourselves)
            .env(ROLE, mark)
            .env_remove(OWNER)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { pipe: process.stdin.take(), process })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It ends as soon as what is still listed is gone, so whoever waits for us finds a clean machine.
        let _ = self.process.wait();
    }
}

fn uuid_mark() -> String {
    let now = jiff::Timestamp::now().as_nanosecond();
    format!("{}-{now}", std::process::id())
}
