//! State that the machines, the pods and a test's handles share.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt as _};
use tokio::sync::{Notify, Semaphore, watch};

use super::addresses::Addresses;
use super::backoff::Pace;
use super::behaviour::{Behaviour, Exit};
use super::probes::Answer;

/// Limit of concurrent requests. Real machines have a connection each; these share one pool.
const REQUESTS: usize = 32;

/// Shared state.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) pace: Pace,
    pub(super) machines: watch::Sender<BTreeMap<String, Machine>>,
    pub(super) requests: Semaphore,
    addresses: Mutex<Addresses>,
    scripts: Mutex<BTreeMap<(String, String), Script>>,
    answer: Mutex<Option<Answer>>,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Machine {
    /// Address of its Node; `None` while there is no Node.
    pub(super) address: Option<String>,
    pub(super) power: Power,
    /// Number of boots after the first.
    pub(super) reboots: u32,
}

/// Power of a machine; without it nothing is heard of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Power {
    #[default]
    On,
    Off,
}

/// Change of a pod's behaviour.
pub(super) type Change = Arc<dyn Fn(&mut Behaviour) + Send + Sync>;

/// Wishes of a test for the pods of one name.
#[derive(Clone, Default)]
pub(super) struct Script {
    pub(super) changes: Vec<Change>,
    pub(super) exits: Vec<(String, Exit)>,
    wake: Arc<Notify>,
}

impl Shared {
    pub(super) fn new(client: Client, pace: Pace) -> Self {
        Self {
            client,
            pace,
            machines: watch::Sender::default(),
            requests: Semaphore::new(REQUESTS),
            addresses: Mutex::default(),
            scripts: Mutex::default(),
            answer: Mutex::default(),
        }
    }

    pub(super) fn addresses(&self) -> MutexGuard<'_, Addresses> {
        locked(&self.addresses)
    }

    pub(super) fn answer(&self) -> Option<Answer> {
        locked(&self.answer).clone()
    }

    pub(super) fn set_answer(&self, answer: Answer) {
        *locked(&self.answer) = Some(answer);
        locked(&self.scripts).values().for_each(|script| script.wake.notify_one());
    }

    /// Changes the wishes for the pods of a name and wakes the pod, if there is one.
    pub(super) fn direct(&self, namespace: &str, name: &str, change: impl FnOnce(&mut Script)) {
        let mut scripts = locked(&self.scripts);
        let script = scripts.entry((namespace.to_owned(), name.to_owned())).or_default();
        change(script);
        script.wake.notify_one();
    }

    pub(super) fn waker(&self, pod: &Pod) -> Arc<Notify> {
        Arc::clone(&locked(&self.scripts).entry(key(pod)).or_default().wake)
    }

    /// Behaviour of a pod: its annotations and images, and then a test's wishes.
    pub(super) fn behaviour(&self, pod: &Pod) -> Behaviour {
        let mut behaviour = Behaviour::of(pod);
        let changes = locked(&self.scripts).get(&key(pod)).map(|script| script.changes.clone());
        changes.iter().flatten().for_each(|change| change(&mut behaviour));
        behaviour
    }

    /// Exits that a test wants, each once.
    pub(super) fn take_exits(&self, pod: &Pod, mut take: impl FnMut(&str, &Exit) -> bool) {
        if let Some(script) = locked(&self.scripts).get_mut(&key(pod)) {
            script.exits.retain(|(container, exit)| !take(container, exit));
        }
    }
}

/// An address that is given back when it is dropped.
pub(super) struct Lease {
    pub(super) address: Ipv4Addr,
    shared: Arc<Shared>,
}

impl Lease {
    /// `None` when all addresses are taken.
    pub(super) fn take(shared: &Arc<Shared>) -> Option<Self> {
        let address = shared.addresses().take()?;
        Some(Self { address, shared: Arc::clone(shared) })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.addresses().give_back(self.address);
    }
}

fn key(pod: &Pod) -> (String, String) {
    (pod.namespace().unwrap_or_default(), pod.name_any())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
