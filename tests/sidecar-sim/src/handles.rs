//! Handles for tests: they steer simulated sidecars and read what the sidecars did.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    address::NodeKey,
    behaviour::{Delay, Fault, Interruption, Scope, Times},
    journal::{Execution, Overlap, Request, Submission},
    settings::{Deviation, Settings},
    shared::Shared,
    task_type::TaskType,
    world::{Move, NodeState},
};

/// A condition did not come true in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the condition on the simulated sidecar did not come true within {0:?}")]
pub struct NotInTime(
    /// Time waited.
    pub Duration,
);

/// The behaviour of one node, or the default for all. Every change holds from now on.
///
/// A node's own settings go before the defaults. Calls can be chained.
#[derive(Clone, Debug)]
pub struct Behaviour {
    shared: Arc<Shared>,
    /// `None`: the default for all.
    of: Option<NodeKey>,
}

impl Behaviour {
    pub(crate) fn new(shared: Arc<Shared>, of: Option<NodeKey>) -> Self {
        Self { shared, of }
    }

    /// Sets how long a starting process refuses connections.
    pub fn start_delay(&self, delay: Delay) -> &Self {
        self.set(|settings| settings.start_delay = Some(delay))
    }

    /// Sets the fate of running tasks when a process ends, whatever ends it: its pod, its container, or
    /// [`Node::restart_process`]. Unless told otherwise they stay running, as after SIGKILL.
    pub fn interruption(&self, interruption: Interruption) -> &Self {
        self.set(|settings| settings.interruption = Some(interruption))
    }

    /// Sets how long a run of this type takes. A type that never ends by itself then ends successfully.
    pub fn task_duration(&self, task: TaskType, delay: Delay) -> &Self {
        self.set(|settings| {
            settings.task_durations.insert(task, delay);
        })
    }

    /// Runs of this type stay running until [`release`](Self::release) is called.
    pub fn hold(&self, task: TaskType) -> &Self {
        self.set(|settings| {
            settings.held.insert(task);
        })
    }

    /// Ends [`hold`](Self::hold): the runs that waited end now.
    pub fn release(&self, task: TaskType) -> &Self {
        self.set(|settings| {
            settings.held.remove(&task);
        });
        self.shared.change(|world, now| world.release(task, now));
        self
    }

    /// Runs of this type fail with this message.
    pub fn fail_task(&self, task: TaskType, times: Times, message: &str) -> &Self {
        self.deviate(Deviation::FailTask(task, message.to_owned()), times)
    }

    /// Submissions of this type are answered 400 with this message.
    pub fn refuse_submit(&self, task: TaskType, times: Times, message: &str) -> &Self {
        self.deviate(Deviation::RefuseSubmit(task, message.to_owned()), times)
    }

    /// Requests meet a fault.
    pub fn disturb(&self, fault: Fault, scope: Scope, times: Times) -> &Self {
        self.deviate(Deviation::Disturb(fault, scope), times)
    }

    /// Back to the contract. Runs that were held end now; requests that hang go on hanging.
    pub fn reset(&self) -> &Self {
        self.set(|settings| *settings = Settings::default());
        self.shared.change(|world, now| TaskType::ALL.into_iter().for_each(|task| world.release(task, now)));
        self
    }

    fn deviate(&self, deviation: Deviation, times: Times) -> &Self {
        self.shared.change(|world, _| {
            let number = world.number();
            world.settings(self.of.as_ref()).add(number, deviation, times);
        });
        self
    }

    fn set(&self, change: impl FnOnce(&mut Settings)) -> &Self {
        self.shared.change(|world, _| change(world.settings(self.of.as_ref())));
        self
    }
}

/// The sidecar of one node: steers it and tells what it did.
#[derive(Clone, Debug)]
pub struct Node {
    shared: Arc<Shared>,
    key: NodeKey,
}

impl Node {
    pub(crate) fn new(shared: Arc<Shared>, key: NodeKey) -> Self {
        Self { shared, key }
    }

    /// This node's own behaviour.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        Behaviour::new(Arc::clone(&self.shared), Some(self.key.clone()))
    }

    /// Times at which its processes began to answer, in order.
    #[must_use]
    pub fn starts(&self) -> Vec<Timestamp> {
        self.look(|node| node.journal.starts.clone())
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.look(|node| node.journal.requests.clone())
    }

    /// Every accepted submission so far, in order of arrival.
    #[must_use]
    pub fn submissions(&self) -> Vec<Submission> {
        self.look(|node| node.journal.submissions.clone())
    }

    /// Every execution so far, in order of beginning.
    #[must_use]
    pub fn executions(&self) -> Vec<Execution> {
        self.look(|node| node.journal.executions.clone())
    }

    /// The executions of one task.
    #[must_use]
    pub fn executions_of(&self, id: &str) -> Vec<Execution> {
        self.executions().into_iter().filter(|execution| execution.id == id).collect()
    }

    /// Every two pods of the node that were there at the same time so far. A volume that one pod writes to is safe only
    /// while this is empty.
    #[must_use]
    pub fn overlaps(&self) -> Vec<Overlap> {
        self.look(|node| node.journal.overlaps.clone())
    }

    /// Returns true if the process answers.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.look(NodeState::is_up)
    }

    /// Returns true if the process answers and its gate is open.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.look(NodeState::is_ready)
    }

    /// Returns true if the volume of the running process has the settings of state sync.
    #[must_use]
    pub fn has_state_sync(&self) -> bool {
        self.shared.read(|world| world.has_state_sync(&self.key))
    }

    /// UID of the pod that runs or starts.
    #[must_use]
    pub fn pod_uid(&self) -> Option<String> {
        self.look(NodeState::pod_uid)
    }

    /// Waits until no process is starting and no run ends by itself any more: what is running then is held or
    /// never ends.
    ///
    /// # Errors
    /// When the deadline passes first.
    pub async fn settled(&self, deadline: Duration) -> Result<(), NotInTime> {
        self.until(deadline, |node| node.look(NodeState::is_settled)).await
    }

    /// Waits until a condition on this node is true; it is looked at after every change.
    ///
    /// # Errors
    /// When the deadline passes first.
    pub async fn until(
        &self,
        deadline: Duration,
        condition: impl Fn(&Self) -> bool,
    ) -> Result<(), NotInTime> {
        let mut changes = self.shared.changes();
        let wait = async {
            while !condition(self) {
                if changes.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        tokio::time::timeout(deadline, wait).await.map_err(|_| NotInTime(deadline))
    }

    /// Restarts the process in its place without Kubernetes noticing: the gate is shut, the store stays, what
    /// was running runs again.
    pub fn restart_process(&self) {
        self.shared.change(|world, now| world.restart_process(&self.key, now));
    }

    /// Empties the task store under the running process. Runs in flight are lost with it.
    pub fn lose_store(&self) {
        self.shared.change(|world, _| world.lose_store(&self.key));
    }

    /// Ends the runs of this type that would never end by themselves, such as those of `snapshot-upload` and
    /// `result-export`: successfully, or with this error. Says how many there were.
    pub fn end_endless(&self, task: TaskType, result: Result<(), &str>) -> usize {
        self.shared.change(|world, now| world.end_endless(&self.key, task, result, now))
    }

    /// Starts a process: in the node's pod if there is one, else in a new pod; with an empty volume the first
    /// time, which later pods share. For nodes without a cluster.
    pub fn start_process(&self) {
        self.by_hand(Move::StartProcess);
    }

    /// Ends the process; the pod stays. For nodes without a cluster.
    pub fn stop_process(&self) {
        self.by_hand(Move::StopProcess);
    }

    /// Puts a new pod in the place of the present one, on the same volume. For nodes without a cluster.
    pub fn replace_pod(&self) {
        self.by_hand(Move::ReplacePod);
    }

    /// Puts a new pod on an empty volume in the place of the present one. For nodes without a cluster.
    pub fn replace_volume(&self) {
        self.by_hand(Move::ReplaceVolume);
    }

    /// Takes the pod away; the volume stays. For nodes without a cluster.
    pub fn remove_pod(&self) {
        self.by_hand(Move::RemovePod);
    }

    fn by_hand(&self, step: Move) {
        self.shared.change(|world, now| world.move_by_hand(&self.key, step, now));
    }

    fn look<T>(&self, look: impl FnOnce(&NodeState) -> T) -> T {
        self.shared.read(|world| match world.existing(&self.key) {
            Some(node) => look(node),
            None => look(&NodeState::default()),
        })
    }
}
