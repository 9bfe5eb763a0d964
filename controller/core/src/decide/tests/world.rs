//! A small world of values: an API server that stores, a StatefulSet controller that makes a pod, a sidecar
//! that keeps its tasks. It reconciles and can kill the operator at any point.

use std::collections::{BTreeMap, BTreeSet};

use seinode_api::SeiNode;

use super::*;
use crate::{
    effect::{Effect, Outcome, Submission},
    fold::{fold_fetched, fold_outcome},
    ids::{PlanId, TaskId},
    node::NodeId,
    observation::{
        Binding, Container, DataCheck, Mark, OwnId, OwnerRef, Pod, Rendering, ServiceView, Slot,
        StatefulSetView, Trouble, examples,
    },
    platform::{Bucket, ResultExport},
    query::Fetched,
    retention::Retention,
    sidecar::RunningTask,
};

pub(super) fn full_node(rest: &str) -> String {
    format!("  chainId: c\n  image: seid:1\n  fullNode: {{}}\n{rest}")
}

fn subject(spec: &str, generation: i64) -> Subject {
    let meta = format!("metadata: {{name: n0, namespace: sei, uid: uid-0, generation: {generation}}}");
    let object: SeiNode = serde_norway::from_str(&format!("{meta}\nspec:\n{spec}")).unwrap();
    Subject::of(&object)
}

pub(super) fn volume(uid: &str, owner: Owner, deletion: Deletion) -> Volume {
    let owner_ref = if owner == Owner::Us { OwnerRef::Present } else { OwnerRef::Absent };
    let mark = if owner == Owner::Us { Mark::Marked } else { Mark::Unmarked };
    let binding = Binding::Bound("pv".into());
    let (capacity, tracking) = (Some("2000Gi".into()), BTreeMap::new());
    let made_for = None;
    let pending_class = None;
    Volume {
        uid: uid.into(),
        owner,
        deletion,
        binding,
        pending_class,
        owner_ref,
        mark,
        made_for,
        capacity,
        tracking,
    }
}

fn export() -> ResultExport {
    let bucket = Bucket { name: "results".into(), region: "us-east-2".into() };
    ResultExport { bucket, prefix: "shadow/".into() }
}

/// The world.
pub(super) struct World {
    pub(super) subject: Subject,
    /// The status as it is stored.
    pub(super) stored: SeiNodeStatus,
    pub(super) now: Timestamp,
    pub(super) volume: Option<Volume>,
    /// Other SeiNodes.
    pub(super) others: Vec<SeiNode>,
    /// Id that the sidecar tells.
    pub(super) node_id: NodeId,
    /// Start of the sidecar.
    pub(super) sidecar_since: Option<Timestamp>,
    /// Tasks that the sidecar does not know.
    pub(super) unknown: BTreeSet<TaskType>,
    pub(super) gate: Health,
    /// The pod is not Ready although its gate is open.
    pub(super) unready: bool,
    /// Reports of the sidecar on its tasks.
    pub(super) reports: BTreeMap<TaskId, TaskReport>,
    /// Tasks that the sidecar took, or that somebody else gave it.
    pub(super) kinds: BTreeMap<TaskId, (String, Timestamp)>,
    /// Number of times that the sidecar ran each task.
    pub(super) runs: BTreeMap<TaskId, u32>,
    /// Tasks that fail, with the words.
    pub(super) failing: BTreeMap<TaskType, String>,
    /// Tasks that stay running.
    pub(super) slow: BTreeSet<TaskType>,
    /// Every submission is refused with these words.
    pub(super) rejecting: Option<String>,
    /// The sidecar does not answer.
    pub(super) silent: Option<Unreachable>,
    /// The StatefulSet is not taken.
    pub(super) refusing: Option<Failure>,
    /// The sidecar restarts right after the first mark-ready.
    pub(super) restart_after_mark_ready: bool,
    /// UID of the pod.
    pub(super) pod_uid: String,
    /// The pod finds no machine, until another takes its place.
    pub(super) pending: bool,
    /// Hash of what would be rendered today.
    pub(super) rendering: Option<String>,
    /// Revision that the pod was made from.
    pod_revision: String,
    /// Tasks that the sidecar took, with their parameters, in order.
    pub(super) params: Vec<(TaskType, Option<serde_json::Value>)>,
    /// Effects, in order.
    pub(super) done: Vec<String>,
    /// Plans, in order.
    pub(super) plans: Vec<PlanId>,
    pub(super) writes: usize,
    /// Points passed at which the operator could die.
    pub(super) points: usize,
    pub(super) crash_at: Option<usize>,
    pub(super) crashes: usize,
    stateful_set: Option<StatefulSetView>,
    service: Option<ServiceView>,
}

/// The operator died.
struct Crash;

impl World {
    pub(super) fn new(spec: &str) -> Self {
        Self {
            subject: subject(spec, 1),
            stored: SeiNodeStatus::default(),
            now: Timestamp::from_second(1_000_000).unwrap(),
            volume: None,
            others: Vec::new(),
            node_id: NodeId::parse(&"0e".repeat(20)).unwrap(),
            sidecar_since: None,
            unknown: BTreeSet::new(),
            gate: Health::NotReady,
            unready: false,
            reports: BTreeMap::new(),
            kinds: BTreeMap::new(),
            pod_uid: examples::pod().uid,
            pending: false,
            rendering: None,
            pod_revision: "r1".into(),
            runs: BTreeMap::new(),
            failing: BTreeMap::new(),
            slow: BTreeSet::new(),
            rejecting: None,
            silent: None,
            refusing: None,
            restart_after_mark_ready: false,
            params: Vec::new(),
            done: Vec::new(),
            plans: Vec::new(),
            writes: 0,
            points: 0,
            crash_at: None,
            crashes: 0,
            stateful_set: None,
            service: None,
        }
    }

    pub(super) fn edit(&mut self, spec: &str) {
        self.subject = subject(spec, self.subject.generation + 1);
    }

    pub(super) fn delete(&mut self) {
        self.subject.deletion = Deletion::Requested;
    }

    pub(super) fn adopt(&mut self) {
        self.subject.finalizer = LegacyFinalizer::Present;
    }

    /// The earlier operator has made a StatefulSet.
    pub(super) fn original(&mut self) {
        self.stateful_set = Some(StatefulSetView { template_hash: None, ..examples::workload() });
    }

    /// Somebody changes the StatefulSet, whose controller names another revision.
    pub(super) fn change_set(&mut self, change: impl FnMut(&mut StatefulSetView)) {
        self.stateful_set.as_mut().into_iter().for_each(change);
    }

    pub(super) fn decide(&mut self) -> Decision {
        decide(&self.subject, &self.stored, &self.observe())
    }

    /// Reconciles until one ends without a crash; the world stands still meanwhile.
    pub(super) fn settle(&mut self) -> Rest {
        for _ in 0..20 {
            if let Ok(rest) = self.reconcile() {
                return rest;
            }
            self.crashes += 1;
        }
        panic!("the node does not settle: {:#?}", self.stored);
    }

    /// Every task that was under way is done.
    pub(super) fn finish_running(&mut self) {
        for report in self.reports.values_mut().filter(|report| **report == TaskReport::Running) {
            *report = TaskReport::Completed;
        }
    }

    pub(super) fn observe(&self) -> Observation {
        let mut seen = Observation::empty(self.now, export());
        seen.volume = self.volume.clone();
        seen.stateful_set = self.stateful_set.clone();
        seen.service = self.service.clone();
        if let Ok(intent) = &self.subject.intent {
            self.others.iter().for_each(|it| seen.peers.consider(&self.subject.node, intent, it));
            seen.peers.recall(&self.stored);
        }
        seen.rendering = self.rendering.clone().map(|template| Rendering { template, service: "d".into() });
        seen.pods = self.stateful_set.iter().map(|workload| self.pod(&workload.uid)).collect();
        seen
    }

    /// Parameters that the sidecar was last given for a task.
    pub(super) fn given(&self, task: TaskType) -> &serde_json::Value {
        let given = self.params.iter().rev().find(|(it, _)| *it == task);
        given.and_then(|(_, params)| params.as_ref()).unwrap_or(&serde_json::Value::Null)
    }

    fn pod(&self, stateful_set_uid: &str) -> Pod {
        let pod = Pod {
            stateful_set_uid: Some(stateful_set_uid.to_owned()),
            uid: self.pod_uid.clone(),
            revision: Some(self.pod_revision.clone()),
            ready: self.gate == Health::Ready && !self.unready,
            sidecar_since: self.sidecar_since,
            ..examples::pod()
        };
        if !self.pending {
            return pod;
        }
        let message = "pod is not scheduled: no machine has such labels".into();
        let trouble = Some(Trouble { reason: "Unschedulable", message, since: None });
        Pod { ip: None, seid: Container::Down, sidecar: Container::Down, ready: false, trouble, ..pod }
    }

    /// One reconcile.
    fn reconcile(&mut self) -> Result<Rest, Crash> {
        let mut status = self.stored.clone();
        let mut seen = Observation { own_id: OwnId::Due, ..self.observe() };
        for _ in 0..100 {
            let decision = decide(&self.subject, &status, &seen);
            status = decision.status;
            match decision.act {
                Act::Fetch(query) => fold_fetched(&mut seen, self.fetch(&query)),
                Act::TakeSlot => seen.slot = Some(Slot::Granted),
                Act::Store => self.store(&status)?,
                Act::Perform(effect) => {
                    assert!(
                        effect == Effect::RemoveLegacyFinalizer || self.is_planned(),
                        "{effect:?} was done without a stored plan"
                    );
                    self.may_crash()?;
                    let outcome = self.perform(&effect);
                    self.may_crash()?;
                    fold_outcome(&mut self.subject, &mut status, &mut seen, outcome);
                    // A pod appears as soon as there is a set.
                    seen.pods = self.observe().pods;
                }
                Act::Rest(rest) => {
                    self.store(&status)?;
                    return Ok(rest);
                }
            }
        }
        panic!("a reconcile has no end: {status:#?}");
    }

    fn is_planned(&self) -> bool {
        self.stored.plan.as_ref().and_then(Plan::read).is_some_and(|plan| plan.phase == PlanPhase::Active)
    }

    fn store(&mut self, status: &SeiNodeStatus) -> Result<(), Crash> {
        if *status == self.stored {
            return Ok(());
        }
        self.may_crash()?;
        // Stored means written as JSON and read back.
        self.stored = serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap();
        self.writes += 1;
        if let Some(plan) = self.stored.plan.as_ref().and_then(Plan::read)
            && self.plans.last() != Some(&plan.id)
        {
            self.plans.push(plan.id);
        }
        self.may_crash()
    }

    fn may_crash(&mut self) -> Result<(), Crash> {
        self.points += 1;
        match self.crash_at {
            Some(point) if self.points == point + 1 => Err(Crash),
            _ => Ok(()),
        }
    }

    fn fetch(&self, query: &Query) -> Fetched {
        match (query, &self.silent) {
            (Query::Health, Some(silent)) => Fetched::Health(Err(silent.clone())),
            (Query::Task(id), Some(silent)) => Fetched::Task(*id, Err(silent.clone())),
            (Query::RunningTasks, Some(silent)) => Fetched::RunningTasks(Err(silent.clone())),
            (Query::RunningTasks, None) => Fetched::RunningTasks(Ok(self.running())),
            (Query::NodeId(pod), None) => Fetched::NodeId(pod.clone(), Ok(self.node_id.clone())),
            (Query::NodeId(pod), Some(silent)) => Fetched::NodeId(pod.clone(), Err(silent.clone())),
            (Query::Pod, _) => Fetched::Pod(self.observe().pods.pop().map(Box::new)),
            (Query::Data, _) if self.volume.is_none() => Fetched::Data(DataCheck::Missing),
            (Query::Data, _) => Fetched::Data(DataCheck::Safe),
            (Query::Health, None) => Fetched::Health(Ok(self.gate)),
            (Query::Task(id), None) => {
                Fetched::Task(*id, Ok(self.reports.get(id).cloned().unwrap_or(TaskReport::Unknown)))
            }
            (other, _) => panic!("nobody here can answer {other:?}"),
        }
    }

    fn running(&self) -> Vec<RunningTask> {
        let runs = |id: &TaskId| self.reports.get(id) == Some(&TaskReport::Running);
        let running = self.kinds.iter().filter(|(id, _)| runs(id));
        let read = |(id, (kind, at)): (&TaskId, &(String, Timestamp))| RunningTask {
            id: *id,
            kind: kind.clone(),
            submitted_at: *at,
        };
        running.map(read).collect()
    }

    fn perform(&mut self, effect: &Effect) -> Outcome {
        if let (Effect::ApplyStatefulSet, Some(failure)) = (effect, &self.refusing) {
            return Outcome::Failed(failure.clone());
        }
        match effect {
            Effect::CreateVolume(retention) => {
                let mut made = volume("v", Owner::Us, Deletion::Absent);
                if *retention == Retention::Kept {
                    made.owner_ref = OwnerRef::Absent;
                }
                self.note("create-volume");
                Outcome::Volume(self.volume.get_or_insert(made).clone())
            }
            Effect::ApplyStatefulSet => {
                self.note("apply-workload");
                let mut workload = examples::workload();
                if let Some(hash) = self.rendering.clone().filter(|hash| hash != "t") {
                    workload.template_hash = Some(hash.clone());
                    workload.update_revision = Some(hash);
                }
                self.stateful_set = Some(workload.clone());
                Outcome::StatefulSetApplied(workload, Vec::new())
            }
            Effect::ApplyService => {
                self.note("apply-service");
                let service = examples::headless();
                self.service = Some(service.clone());
                Outcome::ServiceApplied(service, Vec::new())
            }
            Effect::Submit(submission) => self.take(submission),
            Effect::DropTask(id) => {
                self.note("drop-task");
                self.kinds.remove(id);
                Outcome::TaskDropped(*id, Ok(()))
            }
            Effect::DeletePod { uid, .. } => {
                assert_eq!(*uid, self.pod_uid);
                self.note("delete-pod");
                self.pod_uid.push('+');
                self.pending = false;
                let revision = self.stateful_set.as_ref().and_then(|set| set.update_revision.clone());
                self.pod_revision = revision.unwrap_or_default();
                self.gate = Health::NotReady;
                Outcome::PodDeleted(uid.clone())
            }
            Effect::RemoveLegacyFinalizer => {
                self.note("remove-finalizer");
                Outcome::FinalizerRemoved(None)
            }
            other => panic!("nobody here can do {other:?}"),
        }
    }

    /// The sidecar takes a task: one that it knows is not run again (plans-tasks-sidecar §5).
    fn take(&mut self, submission: &Submission) -> Outcome {
        let Submission { id, task, params } = submission;
        if self.unknown.contains(task) {
            return Outcome::Rejected(format!("unknown task type: {task}"));
        }
        if let Some(words) = &self.rejecting {
            return Outcome::Rejected(words.clone());
        }
        if matches!(self.reports.get(id), Some(TaskReport::Running | TaskReport::Completed)) {
            return Outcome::Submitted(*task);
        }
        self.note(task.as_str());
        self.params.push((*task, params.clone()));
        *self.runs.entry(*id).or_default() += 1;
        let report = match self.failing.get(task) {
            Some(words) => TaskReport::Failed(words.clone()),
            None if self.slow.contains(task) => TaskReport::Running,
            None => TaskReport::Completed,
        };
        if *task == TaskType::MarkReady {
            self.gate = Health::Ready;
            if std::mem::take(&mut self.restart_after_mark_ready) {
                self.gate = Health::NotReady;
            }
        }
        self.reports.insert(*id, report);
        self.kinds.insert(*id, (task.as_str().to_owned(), self.now));
        Outcome::Submitted(*task)
    }

    fn note(&mut self, what: &str) {
        self.done.push(what.to_owned());
    }
}
