//! Fetches a fact that no watch brings, as `controller/src/fetch.rs`: from a sidecar, or live from the API server.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec};
use seinode_api::names;
use seinode_core::{
    adoption::{self, Child, Estate, Found},
    edits,
    exclusive::{Resource, Rivals, StrayKey},
    import,
    intent::Intent,
    keys::{Digest, Finding, Fingerprint, SigningKey},
    node::NodeId,
    observation::{
        DataCheck, Job, KeyCheck, LiveService, LiveStatefulSet, Observation, Pod, PodRefusal, RivalsOf,
        ServiceView, StatefulSetView,
    },
    query::{Fetched, Query},
    render,
    sidecar::Unreachable,
    storage::BindingMode,
    subject::Subject,
};

use super::platform;
use crate::{
    actors, fields,
    objects::{Key, Kind},
    world::World,
};

/// The world's answer to a query.
pub fn fetch(world: &mut World, subject: &Subject, seen: &Observation, query: &Query) -> Fetched {
    let node = &subject.node;
    let pod = seen.host().and_then(|pod| pod.ip).and_then(|address| actors::at(world, address));
    let pod = pod.as_deref();
    let here = |kind, name: &str| Key::new(kind, &node.namespace, name);
    let Some(intent) = subject.readable() else { unreachable!("nothing is fetched for an unreadable spec") };
    match query {
        Query::Task(id) => {
            let report = pod.map(|pod| world.sidecars.report(pod, *id));
            Fetched::Task(*id, report.unwrap_or(Err(Unreachable::Refused)))
        }
        Query::Health => {
            let health = pod.map(|pod| world.sidecars.gate(pod));
            Fetched::Health(health.unwrap_or(Err(Unreachable::Refused)))
        }
        Query::NodeId(uid) => {
            let id = pod.map(|pod| world.sidecars.node_id(pod));
            Fetched::NodeId(uid.clone(), id.unwrap_or(Err(Unreachable::Refused)))
        }
        Query::RunningTasks => {
            let running = pod.map(|pod| world.sidecars.running(pod));
            Fetched::RunningTasks(running.unwrap_or(Err(Unreachable::Refused)))
        }
        Query::Pod => {
            let live = seen.host().and_then(|pod| world.api.get(&here(Kind::Pod, &pod.name)));
            Fetched::Pod(live.and_then(|pod| pod.pod()).map(|pod| Box::new(Pod::of(pod))))
        }
        Query::Keys => Fetched::Keys(keys(world, subject, intent, seen)),
        Query::Import => {
            let name = intent.data_volume(node);
            let claim = world.api.get(&here(Kind::Volume, &name)).and_then(|it| it.volume());
            let late = claim.and_then(|pvc| import::waits(&name, pvc, binding_mode(world)));
            if let Some(waits) = late {
                return Fetched::Import(waits);
            }
            let volume = claim.map(persistent_volume);
            let settings = platform::settings();
            let least = import::least_size(intent, &settings);
            Fetched::Import(import::judge(&name, &node.namespace, claim, volume.as_ref(), least))
        }
        Query::Rivals(resource) => Fetched::Rivals(resource.clone(), rivals(world, subject, seen, resource)),
        Query::StatefulSet => {
            let Some(live) = world.api.get(&here(Kind::Set, &node.name)) else {
                let nothing = LiveStatefulSet { stateful_set: None, edits: Vec::new(), scaled_by: None };
                return Fetched::StatefulSet(nothing);
            };
            let json = fields::json(live);
            let rendered = render::stateful_set(node, intent, &platform::settings());
            Fetched::StatefulSet(LiveStatefulSet {
                stateful_set: live.set().map(|sts| StatefulSetView::of(node, sts)),
                edits: edits::of("StatefulSet", &json, &fields::json(&rendered.into())),
                scaled_by: edits::who_scaled(&json),
            })
        }
        Query::Service => {
            let Some(live) = world.api.get(&here(Kind::Service, &node.name)) else {
                return Fetched::Service(LiveService { service: None, edits: Vec::new() });
            };
            let rendered = render::service(node, intent);
            let edits = edits::of("Service", &fields::json(live), &fields::json(&rendered.into()));
            Fetched::Service(LiveService {
                service: live.service().map(|service| ServiceView::of(node, service)),
                edits,
            })
        }
        Query::Data => {
            let claim = world.api.get(&here(Kind::Volume, &intent.data_volume(node)));
            Fetched::Data(DataCheck::of(claim.and_then(|it| it.volume())))
        }
        Query::BindingMode(_) => Fetched::BindingMode(binding_mode(world)),
        Query::PodRefusal(controller) => {
            let mut all = world.api.list(Kind::Set).chain(world.api.list(Kind::Job));
            let refuses = all.any(|it| it.uid() == controller && actors::is_refused(world, it));
            Fetched::PodRefusal(match refuses {
                true => PodRefusal::Refused("exceeded quota".into()),
                false => PodRefusal::NotReported,
            })
        }
        Query::LeftBehind(from) => {
            let children = [Child::StatefulSet, Child::Service, Child::Volume].into_iter().zip([
                Kind::Set,
                Kind::Service,
                Kind::Volume,
            ]);
            let found = |(child, kind): (Child, Kind)| {
                let live = world.api.get(&here(kind, &child.name(node)))?;
                Some(Found::of(child, node, from, live.meta()))
            };
            let children = children.filter_map(found).collect();
            let rivals = rivals(world, subject, seen, &adoption::volume(node));
            Fetched::LeftBehind(Estate { rivals, children })
        }
        Query::Job => {
            let job = world.api.get(&here(Kind::Job, &names::bootstrap_job(&node.name)));
            Fetched::Job(job.and_then(|job| job.job()).map(|job| Job::of(node, job)))
        }
    }
}

fn binding_mode(world: &World) -> BindingMode {
    match world.api.late_binding {
        true => BindingMode::WaitForFirstConsumer,
        false => BindingMode::Immediate,
    }
}

/// The PV that a PVC is bound to.
fn persistent_volume(claim: &PersistentVolumeClaim) -> PersistentVolume {
    let capacity = claim.status.as_ref().and_then(|status| status.capacity.clone());
    let spec = PersistentVolumeSpec { capacity, ..PersistentVolumeSpec::default() };
    PersistentVolume { spec: Some(spec), ..PersistentVolume::default() }
}

fn keys(world: &World, subject: &Subject, intent: &Intent, seen: &Observation) -> KeyCheck {
    let signing = intent.key_secrets().map(|(signing, _)| signing).unwrap_or_default();
    let signing = match secret(world, &subject.node.namespace, signing) {
        Some(fingerprint) => Finding::Valid(SigningKey { fingerprint, file: file_of(fingerprint) }),
        None => Finding::Missing(format!("Secret {signing} does not exist")),
    };
    KeyCheck::new(seen, signing, Finding::Valid(NodeId::parse(&"5e".repeat(20)).unwrap()))
}

/// The digest of the file that a key is in.
fn file_of(key: Fingerprint) -> Digest {
    Digest::of(key.to_string().as_bytes())
}

fn secret(world: &World, namespace: &str, name: &str) -> Option<Fingerprint> {
    world.secrets.get(&(namespace.to_owned(), name.to_owned())).copied()
}

/// Everybody else, from the API server itself.
fn rivals(world: &World, subject: &Subject, seen: &Observation, resource: &Resource) -> Rivals {
    let mut rivals = RivalsOf::new(&subject.node, seen.stateful_set.as_ref().map(|sts| sts.uid.as_str()));
    world.api.list(Kind::Node).filter_map(|node| node.node()).for_each(|node| rivals.sei_node(node));
    let pods = world.api.list(Kind::Pod).filter(|pod| pod.label(names::NODE_LABEL).is_some());
    pods.filter_map(|pod| pod.pod()).for_each(|pod| rivals.pod(pod));
    world.api.list(Kind::Set).filter_map(|sts| sts.set()).for_each(|sts| rivals.stateful_set(sts));
    world.api.list(Kind::Job).filter_map(|job| job.job()).for_each(|job| rivals.job(job));
    let mut rivals = rivals.collect();
    if let Resource::SigningKey(_) = resource {
        for stray in &mut rivals.strays {
            let Some(name) = &stray.uses.signing_secret else { continue };
            let key = secret(world, &stray.namespace, name);
            let is_copied =
                |key: &Fingerprint| stray.uses.copied.is_none_or(|copied| copied == file_of(*key));
            stray.key = key.filter(is_copied).map_or(StrayKey::Unknown, StrayKey::Is);
        }
    }
    rivals
}
