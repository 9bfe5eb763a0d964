//! A small world of values: an API server that stores, a StatefulSet controller that makes a pod, a sidecar
//! that keeps its tasks. It runs the loop of a pass and can kill the operator at any point.

use std::collections::{BTreeMap, BTreeSet};

use seinode_api::SeiNode;

use super::*;
use crate::{
    absorb::{absorb, absorb_answer},
    effect::{Outcome, Submission},
    fact::Fact,
    ids::{PlanId, TaskId},
    observation::{Binding, Headless, Mark, Pod, Slot, Tie, Workload, examples},
    platform::{Bucket, ResultExport},
};

pub(super) fn full_node(rest: &str) -> String {
    format!("  chainId: c\n  image: seid:1\n  fullNode: {{}}\n{rest}")
}

fn subject(spec: &str, generation: i64) -> Subject {
    let meta = format!("metadata: {{name: n0, namespace: sei, uid: uid-0, generation: {generation}}}");
    let object: SeiNode = serde_norway::from_str(&format!("{meta}\nspec:\n{spec}")).unwrap();
    Subject::of(&object)
}

pub(super) fn volume(uid: &str, owner: Owner, stay: Stay) -> Volume {
    let tie = if owner == Owner::Us { Tie::Tied } else { Tie::Loose };
    let mark = if owner == Owner::Us { Mark::Marked } else { Mark::Unmarked };
    let binding = Binding::Bound("pv".into());
    Volume { uid: uid.into(), owner, stay, binding, tie, mark }
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
    pub(super) peers: BTreeSet<String>,
    pub(super) gate: Health,
    /// What the sidecar knows of its tasks.
    pub(super) reports: BTreeMap<TaskId, TaskReport>,
    /// How often the sidecar ran each task.
    pub(super) runs: BTreeMap<TaskId, u32>,
    /// Tasks that fail, with the words.
    pub(super) failing: BTreeMap<TaskType, String>,
    /// Tasks that stay running.
    pub(super) slow: BTreeSet<TaskType>,
    /// Every submission is refused with these words.
    pub(super) rejecting: Option<String>,
    /// The sidecar does not answer.
    pub(super) silent: Option<Silence>,
    /// The StatefulSet is not taken.
    pub(super) refusing: Option<Failure>,
    /// The sidecar restarts right after the first mark-ready.
    pub(super) restart_after_mark_ready: bool,
    /// Effects, in order.
    pub(super) done: Vec<String>,
    /// Plans, in order.
    pub(super) plans: Vec<PlanId>,
    pub(super) writes: usize,
    /// Points passed at which the operator could die.
    pub(super) points: usize,
    pub(super) crash_at: Option<usize>,
    pub(super) crashes: usize,
    workload: Option<Workload>,
    service: Option<Headless>,
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
            peers: BTreeSet::new(),
            gate: Health::NotReady,
            reports: BTreeMap::new(),
            runs: BTreeMap::new(),
            failing: BTreeMap::new(),
            slow: BTreeSet::new(),
            rejecting: None,
            silent: None,
            refusing: None,
            restart_after_mark_ready: false,
            done: Vec::new(),
            plans: Vec::new(),
            writes: 0,
            points: 0,
            crash_at: None,
            crashes: 0,
            workload: None,
            service: None,
        }
    }

    pub(super) fn edit(&mut self, spec: &str) {
        self.subject = subject(spec, self.subject.generation + 1);
    }

    pub(super) fn delete(&mut self) {
        self.subject.life = Life::Deleting;
    }

    pub(super) fn adopt(&mut self) {
        self.subject.finalizer = LegacyFinalizer::Present;
    }

    pub(super) fn decide(&mut self) -> Decision {
        decide(&self.subject, &self.stored, &self.observe())
    }

    /// Passes until one ends without a crash; the world stands still meanwhile.
    pub(super) fn settle(&mut self) -> Rest {
        for _ in 0..20 {
            if let Ok(rest) = self.pass() {
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
        seen.workload = self.workload.clone();
        seen.service = self.service.clone();
        seen.peers = self.peers.clone();
        seen.pods = self.workload.iter().map(|workload| self.pod(&workload.uid)).collect();
        seen
    }

    fn pod(&self, workload_uid: &str) -> Pod {
        Pod {
            workload_uid: Some(workload_uid.to_owned()),
            ready: self.gate == Health::Ready,
            ..examples::pod()
        }
    }

    /// The loop of a pass, as the controller runs it.
    fn pass(&mut self) -> Result<Rest, Crash> {
        let mut status = self.stored.clone();
        let mut seen = self.observe();
        for _ in 0..100 {
            let decision = decide(&self.subject, &status, &seen);
            status = decision.status;
            match decision.act {
                Act::Look(question) => {
                    let fact = self.answer(&question);
                    absorb_answer(&mut seen, question, fact);
                }
                Act::Persist => self.store(&status)?,
                Act::Perform(effect) => {
                    assert!(
                        effect == Effect::RemoveLegacyFinalizer || self.is_planned(),
                        "{effect:?} was done without a stored plan"
                    );
                    self.may_crash()?;
                    let outcome = self.perform(&effect);
                    self.may_crash()?;
                    absorb(&mut self.subject, &mut status, &mut seen, &effect, outcome);
                    // A pod appears as soon as there is a set.
                    seen.pods = self.observe().pods;
                }
                Act::Rest(rest) => {
                    self.store(&status)?;
                    return Ok(rest);
                }
            }
        }
        panic!("a pass has no end: {status:#?}");
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

    fn answer(&self, question: &Question) -> Fact {
        match (question, &self.silent) {
            (Question::Health | Question::Task(_), Some(silence)) => Fact::Silent(silence.clone()),
            (Question::Health, None) => Fact::Gate(self.gate),
            (Question::Task(id), None) => {
                Fact::Task(self.reports.get(id).cloned().unwrap_or(TaskReport::Unknown))
            }
            (Question::Slot, _) => Fact::Slot(Slot::Granted),
            (other, _) => panic!("nobody here can answer {other:?}"),
        }
    }

    fn perform(&mut self, effect: &Effect) -> Outcome {
        if let (Effect::ApplyWorkload, Some(failure)) = (effect, &self.refusing) {
            return Outcome::Failed(failure.clone());
        }
        match effect {
            Effect::CreateVolume => {
                let made = volume("v", Owner::Us, Stay::Staying);
                self.note("create-volume");
                Outcome::Volume(self.volume.get_or_insert(made).clone())
            }
            Effect::ApplyWorkload => {
                self.note("apply-workload");
                let workload = examples::workload();
                self.workload = Some(workload.clone());
                Outcome::Workload(workload)
            }
            Effect::ApplyService => {
                self.note("apply-service");
                let service = examples::headless();
                self.service = Some(service.clone());
                Outcome::Service(service)
            }
            Effect::Submit(submission) => self.take(submission),
            Effect::RemoveLegacyFinalizer => {
                self.note("remove-finalizer");
                Outcome::FinalizerRemoved
            }
            other => panic!("nobody here can do {other:?}"),
        }
    }

    /// The sidecar takes a task: one that it knows is not run again (plans-tasks-sidecar §5).
    fn take(&mut self, submission: &Submission) -> Outcome {
        let Submission { id, task, params: _ } = submission;
        if let Some(words) = &self.rejecting {
            return Outcome::Rejected(words.clone());
        }
        if matches!(self.reports.get(id), Some(TaskReport::Running | TaskReport::Completed)) {
            return Outcome::Submitted;
        }
        self.note(task.as_str());
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
        Outcome::Submitted
    }

    fn note(&mut self, what: &str) {
        self.done.push(what.to_owned());
    }
}
