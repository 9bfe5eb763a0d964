//! Changes that people make: of the spec, and by hand of what was made from it.

use k8s_openapi::{
    api::apps::v1::{RollingUpdateStatefulSetStrategy, StatefulSetSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use seinode_api::{
    names,
    spec::{self, SeiNodeSpec},
    status::Phase,
};
use seinode_core::observation::SEID;

use crate::{
    objects::{Key, Kind, Object},
    world::World,
};

/// Wish of a person for a node now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Image(&'static str),
    SidecarImage,
    PodLabel,
    Override,
    Peers,
    /// Another signing key, in another Secret.
    Key,
    /// Snapshots are uploaded, or no more.
    Publish,
}

impl Wish {
    pub fn write(self, spec: &mut SeiNodeSpec) {
        match self {
            Self::Image(image) => spec.image = image.into(),
            Self::SidecarImage => spec.sidecar.get_or_insert_default().image = Some("seictl:2".into()),
            Self::PodLabel => drop(spec.pod_labels.insert("team".into(), "rpc".into())),
            Self::Override => {
                let value = spec.overrides.len().to_string();
                spec.overrides.insert("evm.http_port".into(), format!("80{value}"));
            }
            Self::Peers => {
                let fixed = Some(spec::StaticPeers { addresses: vec!["y@h:2".into()] });
                spec.peers.push(spec::PeerSource { fixed, ..spec::PeerSource::default() });
            }
            Self::Key => {
                let key = spec.validator.as_mut().and_then(|it| it.signing_key.as_mut());
                if let Some(secret) = key.and_then(|key| key.secret.as_mut()) {
                    secret.secret_name = "key-2".into();
                }
            }
            Self::Publish => {
                let archive = spec.archive.get_or_insert_default();
                let generation = archive.snapshot_generation.get_or_insert_default();
                let tendermint = generation.tendermint.get_or_insert_default();
                tendermint.keep_recent = 2;
                tendermint.publish = match tendermint.publish.take() {
                    Some(_) => None,
                    None => Some(spec::Publish {}),
                };
            }
        }
    }
}

/// Change that a person makes by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// The image in the pod template.
    Template,
    /// The set's controller replaces the pod by itself.
    Strategy,
    Replicas(i32),
    /// The label that ties the set to its node's other children.
    Label,
    /// The Service's selector.
    Service,
    /// The annotation that `kubectl rollout restart` sets.
    Restart,
}

/// The field manager of people.
const KUBECTL: &str = "kubectl-edit";

impl Hand {
    /// Changes it.
    pub fn change(self, world: &mut World, node: &Key) {
        let set = node.beside(Kind::Set, &node.name);
        let replicas = world.api.get(&set).and_then(|set| set.set()?.spec.as_ref()?.replicas);
        match self {
            Self::Service => {
                let service = node.beside(Kind::Service, &node.name);
                world.api.edit(&service, KUBECTL, |service| {
                    if let Object::Service(service) = service {
                        let selector = service.spec.get_or_insert_default().selector.get_or_insert_default();
                        selector.insert("wrong".into(), "yes".into());
                    }
                });
                return;
            }
            Self::Label => {
                world.api.edit(&set, KUBECTL, |set| {
                    set.meta_mut()
                        .labels
                        .get_or_insert_default()
                        .insert(names::NODE_LABEL.into(), "x".into());
                });
                return;
            }
            Self::Restart => {
                expect_restart(world, node);
                let value = world.api.version().to_string();
                world.api.edit(&set, "kubectl-rollout", |set| {
                    let Object::Set(set) = set else { return };
                    let template = &mut set.spec.get_or_insert_default().template;
                    let annotations =
                        template.metadata.get_or_insert_default().annotations.get_or_insert_default();
                    annotations.insert(names::RESTARTED_AT_ANNOTATION.into(), value.clone());
                });
                return;
            }
            Self::Template | Self::Strategy | Self::Replicas(_) => {}
        }
        let version = world.api.version();
        world.api.edit(&set, KUBECTL, |set| {
            if let Object::Set(set) = set {
                self.write(set.spec.get_or_insert_default());
            }
        });
        if world.api.version() == version {
            return;
        }
        let people = &mut world.ledger.people;
        people.edited.insert(set.clone());
        people.spoiled.insert(set);
        match self {
            Self::Replicas(0) if replicas.unwrap_or(1) > 0 => drop(people.stopped.insert(node.clone())),
            // They have undone their stop themselves.
            Self::Replicas(_) => drop(people.stopped.remove(node)),
            Self::Template | Self::Strategy | Self::Label | Self::Service | Self::Restart => {}
        }
    }

    fn write(self, spec: &mut StatefulSetSpec) {
        match self {
            Self::Template => {
                let containers = spec.template.spec.iter_mut().flat_map(|spec| &mut spec.containers);
                containers.filter(|it| it.name == SEID).for_each(|it| it.image = Some("seid:hand".into()));
            }
            Self::Strategy => {
                let strategy = spec.update_strategy.get_or_insert_default();
                strategy.type_ = Some("RollingUpdate".into());
                let max_unavailable = Some(IntOrString::Int(1));
                strategy.rolling_update =
                    Some(RollingUpdateStatefulSetStrategy { partition: Some(0), max_unavailable });
            }
            Self::Replicas(count) => spec.replicas = Some(count),
            Self::Label | Self::Service | Self::Restart => {}
        }
    }
}

/// A node that is up, and that the operator knows, is to get another pod.
pub fn expect_restart(world: &mut World, node: &Key) {
    let object = world.api.get(node).filter(|object| {
        let status = object.node().and_then(|node| node.status.as_ref());
        status.is_some_and(|status| status.phase == Some(Phase::Running) && status.restart.is_some())
    });
    let pod = world.api.get(&node.beside(Kind::Pod, &format!("{}-0", node.name)));
    if let (Some(object), Some(pod)) = (object, pod) {
        let expected = (object.uid().to_owned(), pod.uid().to_owned());
        world.ledger.people.restarted.insert(node.clone(), expected);
    }
}
