//! The one component that tests stop and start again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::Client;

use super::{ClusterError, components, ready};
use crate::process::Process;
use crate::supervisor::Guard;

const NAME: &str = "kube-apiserver";

/// Every request with its user and its result, and no bodies but those of pods' deletions, which say whether a UID was
/// asked for. A watch is recorded twice: when it is answered and when
/// it ends.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  verbs: [delete]
  resources: [{ group: \"\", resources: [pods] }]
- level: Metadata
";

/// The API server: its command, and the process while it runs.
#[derive(Debug)]
pub(super) struct Apiserver {
    program: OsString,
    arguments: Vec<OsString>,
    log: PathBuf,
    process: Mutex<Option<Arc<Process>>>,
}

impl Apiserver {
    pub(super) fn new(command: &Command, directory: &Path) -> Self {
        Self {
            program: command.get_program().to_owned(),
            arguments: command.get_args().map(OsString::from).collect(),
            log: components::log(directory, NAME),
            process: Mutex::new(None),
        }
    }

    pub(super) fn start(&self, guard: &Guard) -> Result<(), ClusterError> {
        let mut process = self.lock();
        if process.is_none() {
            let mut command = Command::new(&self.program);
            command.args(&self.arguments);
            *process = Some(Arc::new(guard.spawn(NAME, command, &self.log)?));
        }
        Ok(())
    }

    pub(super) fn stop(&self) {
        let stopped = self.lock().take();
        if let Some(process) = stopped {
            // Somebody may still be waiting for its readiness and hold it.
            process.kill();
        }
    }

    /// Waits until it answers. Its own start goes on for another second, writing the default roles for instance; who
    /// has every right need not wait for that.
    pub(super) async fn serves(&self, client: &Client) -> Result<(), ClusterError> {
        self.answers(client, "/version").await
    }

    /// Waits until it says that it is ready.
    pub(super) async fn ready(&self, client: &Client) -> Result<(), ClusterError> {
        self.answers(client, "/readyz").await
    }

    async fn answers(&self, client: &Client, path: &str) -> Result<(), ClusterError> {
        let process = self.lock().clone();
        match process {
            Some(process) => ready::answers(client, path, &process).await,
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Path of the audit log.
pub(super) fn audit_log(directory: &Path) -> PathBuf {
    directory.join("logs/audit.jsonl")
}

/// Writes the policy of the record and returns its path.
pub(super) fn audit_policy(directory: &Path) -> Result<PathBuf, ClusterError> {
    let path = directory.join("audit-policy.yaml");
    super::launch::write(&path, AUDIT_POLICY)?;
    Ok(path)
}
