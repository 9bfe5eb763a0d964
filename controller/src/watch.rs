//! The watches: they fill the caches and say which node needs a pass. Nothing is polled.

mod progress;
pub(crate) mod trouble;

use std::{fmt::Debug, sync::Arc};

use futures::{Stream, StreamExt, TryStreamExt, future, stream, stream::BoxStream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        batch::v1::Job,
        core::v1::{PersistentVolumeClaim, Pod, Service},
    },
};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{
        Predicate, PredicateConfig, WatchStreamExt, predicates,
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use parking_lot::Mutex;
use prometheus::IntCounterVec;
use seinode_api::names;
use seinode_core::{memory::Memory, peers};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::progress::Progress;
pub(crate) use self::progress::Unsynced;
use crate::{
    cache::{Caches, Fleet, Guarded},
    readiness::{Gate, Readiness},
    settings::Scope,
    trim,
};

/// A watch is re-opened at least this often, in seconds: some load balancers cut idle connections at 240 s,
/// and a dead connection is noticed this much later at worst.
pub(crate) const WATCH_SECONDS: u32 = 180;
/// Number of objects that are listed at once. Each is cut down as soon as it is read: what is thrown away of a page
/// lies between what stays, and of a long page that is most of the memory.
const PAGE: u32 = 100;

/// One slice of the fleet: its caches, and the streams that fill them.
pub(crate) struct Slice {
    pub(crate) caches: Arc<Caches>,
    /// SeiNodes that changed in a way that matters.
    pub(crate) nodes: BoxStream<'static, Result<Guarded, watcher::Error>>,
    /// Nodes that need a pass for any other reason.
    pub(crate) triggers: BoxStream<'static, ObjectRef<Guarded>>,
}

/// Makes the caches of all served namespaces, and the streams that fill them.
pub(crate) fn fleet(
    client: &Client,
    scope: &Scope,
    readiness: &Readiness,
    restarts: &IntCounterVec,
    memory: Memory,
) -> (Arc<Fleet>, Vec<Slice>, Unsynced) {
    let scopes = match scope {
        Scope::Cluster => vec![None],
        Scope::Namespaces(names) => names.iter().map(|name| Some(name.as_str())).collect(),
    };
    let unsynced = Unsynced::new();
    let mut parts = Vec::new();
    for namespace in scopes {
        parts.push((namespace, Stores::new()));
    }
    let caches = parts.iter().map(|(_, stores)| Arc::clone(&stores.caches));
    let fleet = Arc::new(Fleet { slices: caches.collect(), memory: Mutex::new(memory) });
    let slices = parts
        .into_iter()
        .map(|(namespace, stores)| {
            let source = Source { client, namespace, readiness, restarts, unsynced: &unsynced };
            stores.watch(&source, &fleet)
        })
        .collect();
    (fleet, slices, unsynced)
}

/// Source of a slice's objects.
struct Source<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
    readiness: &'a Readiness,
    /// Number of times that watches were opened anew.
    restarts: &'a IntCounterVec,
    unsynced: &'a Unsynced,
}

/// The writing ends of one slice's caches.
struct Stores {
    caches: Arc<Caches>,
    nodes: Writer<Guarded>,
    stateful_sets: Writer<StatefulSet>,
    services: Writer<Service>,
    jobs: Writer<Job>,
    volumes: Writer<PersistentVolumeClaim>,
    pods: Writer<Pod>,
    woken: UnboundedReceiver<ObjectRef<Guarded>>,
}

impl Stores {
    fn new() -> Self {
        let (nodes_cache, nodes) = reflector::store();
        let (sets_cache, stateful_sets) = reflector::store();
        let (services_cache, services) = reflector::store();
        let (jobs_cache, jobs) = reflector::store();
        let (volumes_cache, volumes) = reflector::store();
        let (pods_cache, pods) = reflector::store();
        let (wake, woken) = unbounded_channel();
        let caches = Caches {
            nodes: nodes_cache,
            stateful_sets: sets_cache,
            services: services_cache,
            jobs: jobs_cache,
            volumes: volumes_cache,
            pods: pods_cache,
            wake,
        };
        Self { caches: Arc::new(caches), nodes, stateful_sets, services, jobs, volumes, pods, woken }
    }

    fn watch(self, source: &Source<'_>, fleet: &Arc<Fleet>) -> Slice {
        let mut woken = self.woken;
        let wakes = stream::poll_fn(move |context| woken.poll_recv(context));
        let triggers = stream::select_all([
            source.children(self.stateful_sets, trim::stateful_set),
            source.children(self.services, trim::service),
            source.children(self.jobs, trim::job),
            source.children(self.volumes, trim::volume),
            source.children(self.pods, trim::pod),
            wakes.boxed(),
        ]);
        let nodes = source.nodes(self.nodes, self.caches.nodes.clone(), Arc::clone(fleet));
        Slice { caches: self.caches, nodes, triggers: triggers.boxed() }
    }
}

impl Source<'_> {
    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// The events of one kind.
    fn events<K>(
        &self,
        config: watcher::Config,
    ) -> impl Stream<Item = Result<watcher::Event<K>, watcher::Error>> + Send + use<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
    {
        watcher(self.api::<K>(), config.timeout(WATCH_SECONDS).page_size(PAGE)).default_backoff()
    }

    /// Sees how far the watch of one kind is: its gate opens when everything was listed once. It is asked after the cache
    /// has taken an event: passes begin when the last gate opens, and must not find a cache empty that is about to be filled.
    fn progress<K>(&self) -> impl FnMut(&Result<watcher::Event<K>, watcher::Error>) + Send + use<K>
    where
        K: Resource<DynamicType = ()>,
    {
        let plural = K::plural(&());
        let restarts = self.restarts.with_label_values(&[&plural]);
        let mut progress = Progress::begin(self.gate::<K>(), self.unsynced.clone(), &plural, restarts);
        move |event| progress.see(event)
    }

    fn gate<K: Resource<DynamicType = ()>>(&self) -> Gate {
        let place = self.namespace.map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        self.readiness.gate(format!("watch {}{place}", K::plural(&())), "not everything is listed yet")
    }

    /// Watches a kind of children: objects with our label. The label names the node that needs a pass.
    fn children<K>(&self, writer: Writer<K>, trim: fn(&mut K)) -> BoxStream<'static, ObjectRef<Guarded>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        self.events::<K>(watcher::Config::default().labels(names::NODE_LABEL))
            .modify(trim)
            .reflect(writer)
            .inspect(self.progress::<K>())
            .touched_objects()
            .filter_map(|child| future::ready(child.ok().and_then(|child| node_of(&child))))
            .boxed()
    }

    /// Watches SeiNodes. Our own status writes change nothing that matters and start no pass.
    fn nodes(
        &self,
        writer: Writer<Guarded>,
        known: Store<Guarded>,
        fleet: Arc<Fleet>,
    ) -> BoxStream<'static, Result<Guarded, watcher::Error>> {
        let cached = Arc::clone(&fleet);
        let matters = predicates::generation.combine(predicates::finalizers).combine(predicates::annotations);
        self.events::<Guarded>(watcher::Config::default())
            .modify(trim::node)
            .inspect_ok(move |event| wake_dependents(event, &known, &fleet))
            .reflect(writer)
            .inspect(self.progress::<Guarded>())
            .applied_objects()
            .inspect_ok(move |node| cached.memory.lock().caught_up(node))
            .predicate_filter(matters, PredicateConfig::default())
            // Errors were logged by the gate's progress; the watcher goes on by itself.
            .filter(|node| future::ready(node.is_ok()))
            .boxed()
    }
}

/// Wakes the nodes whose label sources select one that came, went, was relabelled or got another id. Called before the cache
/// takes the event, so the cache still holds the labels from before.
fn wake_dependents(event: &watcher::Event<Guarded>, known: &Store<Guarded>, fleet: &Fleet) {
    let (watcher::Event::Apply(node) | watcher::Event::InitApply(node) | watcher::Event::Delete(node)) =
        event
    else {
        return;
    };
    let reference = ObjectRef::from_obj(node);
    let before = known.get(&reference);
    let gone = matches!(event, watcher::Event::Delete(_));
    if gone {
        // A pass over a node that is gone clears what is remembered of it. Its own slice has the receiver.
        for slice in fleet.slices.iter().filter(|slice| slice.nodes.get(&reference).is_some()) {
            slice.wake.send(reference.clone()).ok();
        }
    }
    let same = |before: &Guarded| before.labels() == node.labels() && id_of(before) == id_of(node);
    if !gone && before.as_deref().is_some_and(same) {
        return;
    }
    let namespace = node.namespace().unwrap_or_default();
    for slice in &fleet.slices {
        for other in slice.nodes.state() {
            let selects =
                |labels| other.0.as_ref().is_ok_and(|other| peers::depends_on(other, &namespace, labels));
            let waits =
                selects(node.labels()) || before.as_ref().is_some_and(|before| selects(before.labels()));
            // The receiver lives as long as the slice's controller: afterwards nobody needs waking.
            if waits && slice.wake.send(ObjectRef::from_obj(other.as_ref())).is_err() {
                return;
            }
        }
    }
}

/// The id that a SeiNode publishes.
fn id_of(node: &Guarded) -> Option<&str> {
    node.0.as_ref().ok().and_then(peers::published_id)
}

/// The SeiNode that owns a child; where none does, the one that its label names. Anybody can change a label.
fn node_of<K: Resource>(child: &K) -> Option<ObjectRef<Guarded>> {
    let owner = child.owner_references().iter().find(|owner| owner.kind == "SeiNode").map(|it| &it.name);
    let name = owner.or_else(|| child.labels().get(names::NODE_LABEL))?;
    Some(ObjectRef::new(name).within(&child.namespace()?))
}
