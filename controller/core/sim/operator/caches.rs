//! Caches of what the watches have brought: one for each kind, each of which may be behind by some changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    batch::v1::Job,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use seinode_api::SeiNode;
use seinode_core::{
    observe::{Read, View},
    peers,
};

use crate::{
    api_server::ApiServer,
    objects::{Key, Kind, Object},
};

/// The caches.
#[derive(Clone, Debug, Default)]
pub struct Caches {
    objects: BTreeMap<Key, Rc<Object>>,
    /// Number of changes of each kind that were brought.
    read: BTreeMap<Kind, usize>,
    /// Number of the newest changes of each kind that are held back.
    pub lag: BTreeMap<Kind, usize>,
}

/// Consequences of a change.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Nodes that need a pass.
    pub woken: Vec<Key>,
    /// A SeiNode that is gone.
    pub gone: Option<Key>,
    /// A SeiNode as it is now.
    pub node: Option<Rc<Object>>,
}

/// Decision on a change that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Stays,
    Arrives,
}

impl Caches {
    /// The caches of a process that has just listed everything.
    pub fn listed(api: &ApiServer, lag: &BTreeMap<Kind, usize>) -> Self {
        let objects = api.all().filter(|object| is_watched(object));
        Self {
            objects: objects.map(|object| (object.key(), Rc::clone(object))).collect(),
            read: Kind::ALL.into_iter().map(|kind| (kind, api.changes(kind).len())).collect(),
            lag: lag.clone(),
        }
    }

    pub fn get(&self, key: &Key) -> Option<&Rc<Object>> {
        self.objects.get(key)
    }

    pub fn list(&self, kind: Kind) -> impl Iterator<Item = &Rc<Object>> {
        let first = Key::new(kind, "", "");
        self.objects.range(first..).take_while(move |(key, _)| key.kind == kind).map(|(_, object)| object)
    }

    pub fn is_behind(&self, api: &ApiServer) -> bool {
        Kind::ALL.into_iter().any(|kind| self.read_of(kind) < api.changes(kind).len())
    }

    /// Brings the next change that may be brought.
    pub fn next(&mut self, api: &ApiServer, held: Held) -> Option<News> {
        let kind = Kind::ALL.into_iter().find(|kind| {
            let held_back = match held {
                Held::Stays => self.lag.get(kind).copied().unwrap_or_default(),
                Held::Arrives => 0,
            };
            self.read_of(*kind) + held_back < api.changes(*kind).len()
        })?;
        let change = &api.changes(kind)[self.read_of(kind)];
        *self.read.entry(kind).or_default() += 1;
        let now = change.object.as_ref().filter(|object| is_watched(object));
        let before = match now {
            Some(object) => self.objects.insert(change.key.clone(), Rc::clone(object)),
            None => self.objects.remove(&change.key),
        };
        let mut news = self.news(&change.key, before.as_deref(), now.map(AsRef::as_ref));
        news.node = now.filter(|object| object.kind() == Kind::Node).cloned();
        Some(news)
    }

    fn read_of(&self, kind: Kind) -> usize {
        self.read.get(&kind).copied().unwrap_or_default()
    }

    /// Consequences of a change for the nodes that it concerns (`controller/src/watch.rs`).
    fn news(&self, key: &Key, before: Option<&Object>, now: Option<&Object>) -> News {
        if key.kind != Kind::Node {
            // A label that was changed by hand names another node than the one that owns the child.
            let concerned = |object: &Object| object.owner_key().or_else(|| object.node_key());
            let woken: BTreeSet<Key> = before.into_iter().chain(now).filter_map(concerned).collect();
            return News { woken: woken.into_iter().collect(), ..News::default() };
        }
        let mut news = News { gone: now.is_none().then(|| key.clone()), ..News::default() };
        let labels = |object: Option<&Object>| object.and_then(|object| object.meta().labels.clone());
        let id = |object: Option<&Object>| {
            object.and_then(|object| object.node()).and_then(peers::published_id).map(str::to_owned)
        };
        if before.is_none() || now.is_none() || labels(before) != labels(now) || id(before) != id(now) {
            news.woken = self.dependents(key, &labels(now.or(before)).unwrap_or_default());
        }
        let matters = |object: &Object| {
            let meta = object.meta();
            (meta.uid.clone(), meta.generation, meta.finalizers.clone(), meta.annotations.clone())
        };
        if now.is_some() && before.map(matters) != now.map(matters) {
            news.woken.push(key.clone());
        }
        news
    }

    /// Nodes whose label sources select this one.
    fn dependents(&self, key: &Key, labels: &BTreeMap<String, String>) -> Vec<Key> {
        let others = self.list(Kind::Node).filter(|object| object.key() != *key);
        let depend = others.filter(|object| {
            object.node().is_some_and(|node| peers::depends_on(node, &key.namespace, labels))
        });
        depend.map(|object| object.key()).collect()
    }
}

/// Children are watched by their label.
fn is_watched(object: &Object) -> bool {
    object.node_key().is_some()
}

/// One object of a kind, if it is there.
macro_rules! one {
    ($self:ident, $kind:ident, $namespace:ident, $name:ident, $read:ident, $as:ident) => {
        if let Some(object) =
            $self.get(&Key::new(Kind::$kind, $namespace, $name)).and_then(|object| object.$as())
        {
            $read(object);
        }
    };
}

impl View for Caches {
    fn stateful_set(&self, namespace: &str, name: &str, read: Read<'_, StatefulSet>) {
        one!(self, Set, namespace, name, read, set);
    }

    fn service(&self, namespace: &str, name: &str, read: Read<'_, Service>) {
        one!(self, Service, namespace, name, read, service);
    }

    fn volume(&self, namespace: &str, name: &str, read: Read<'_, PersistentVolumeClaim>) {
        one!(self, Volume, namespace, name, read, volume);
    }

    fn job(&self, namespace: &str, name: &str, read: Read<'_, Job>) {
        one!(self, Job, namespace, name, read, job);
    }

    fn pod(&self, namespace: &str, name: &str, read: Read<'_, Pod>) {
        one!(self, Pod, namespace, name, read, pod);
    }

    fn sei_nodes(&self, read: Read<'_, SeiNode>) {
        self.list(Kind::Node).filter_map(|object| object.node()).for_each(read);
    }

    fn stateful_sets(&self, read: Read<'_, StatefulSet>) {
        self.list(Kind::Set).filter_map(|object| object.set()).for_each(read);
    }

    fn jobs(&self, read: Read<'_, Job>) {
        self.list(Kind::Job).filter_map(|object| object.job()).for_each(read);
    }

    fn pods(&self, read: Read<'_, Pod>) {
        self.list(Kind::Pod).filter_map(|object| object.pod()).for_each(read);
    }
}
