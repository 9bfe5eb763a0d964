//! One process in our care: its log, its signals, its end.
//!
//! Dropping a [`Process`] kills it with SIGKILL. Whoever wants a graceful end asks for it with
//! [`Process::terminate`] and waits.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::supervisor::{Guard, ended};

/// Poll interval of [`Process::wait`].
const GLANCE: Duration = Duration::from_millis(10);
/// Part of a log's end that [`Process::last_lines`] reads, in bytes.
const TAIL: u64 = 16 * 1024;

/// A running, or ended, child process. Made by [`Guard::spawn`].
#[derive(Debug)]
pub struct Process {
    name: String,
    id: u32,
    log: PathBuf,
    // The lock makes "still running" and the signal that follows one step: a reaped pid may be another's.
    child: Mutex<Running>,
    guard: Guard,
}

#[derive(Debug)]
struct Running {
    child: Child,
    status: Option<ExitStatus>,
}

impl Process {
    pub(crate) fn new(name: &str, child: Child, log: &Path, guard: Guard) -> Self {
        let id = child.id();
        let child = Mutex::new(Running { child, status: None });
        Self { name: name.to_owned(), id, log: log.to_owned(), child, guard }
    }

    /// Name given at the start.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is also the id of its process group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The file that holds both of its outputs.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// SIGTERM, to the process alone. Does nothing when it has ended.
    pub fn terminate(&self) {
        self.signal(|pid| kill_process(pid, Signal::TERM));
    }

    /// SIGKILL, to its whole process group. Does nothing when it has ended.
    pub fn kill(&self) {
        self.signal(|pid| kill_process_group(pid, Signal::KILL));
    }

    /// Its exit status, if it has ended.
    pub fn exited(&self) -> Option<ExitStatus> {
        let mut running = self.lock();
        if running.status.is_none()
            && let Ok(Some(status)) = running.child.try_wait()
        {
            running.status = Some(status);
            self.guard.tell(&ended(self.id));
        }
        running.status
    }

    /// Waits until it has ended. Dropping the future leaves it running.
    pub async fn wait(&self) -> ExitStatus {
        loop {
            if let Some(status) = self.exited() {
                return status;
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// The last `count` lines of its log; empty when there is none.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> String {
        last_lines(&self.log, count)
    }

    /// SIGSTOP, to its whole process group: it stands still until [`Process::resume`].
    pub fn pause(&self) {
        self.signal(|pid| kill_process_group(pid, Signal::STOP));
    }

    /// SIGCONT, to its whole process group.
    pub fn resume(&self) {
        self.signal(|pid| kill_process_group(pid, Signal::CONT));
    }

    fn signal(&self, send: impl FnOnce(Pid) -> rustix::io::Result<()>) {
        let mut running = self.lock();
        let alive = running.status.is_none() && matches!(running.child.try_wait(), Ok(None));
        if alive && let Err(error) = send(Pid::from_child(&running.child)) {
            tracing::warn!(process = self.name, %error, "cannot signal");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let mut running = self.lock();
        if running.status.is_none() {
            // SIGKILL cannot be refused: this returns at once.
            let _ = running.child.wait();
            self.guard.tell(&ended(self.id));
        }
    }
}

/// The last `count` lines of the file at `path`; empty when it cannot be read.
#[must_use]
pub fn last_lines(path: &Path, count: usize) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(end)
    };
    let end = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&end);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
