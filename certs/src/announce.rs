//! Tells people what became of the authority: a log line, and an event of the Secret.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio::time::timeout;

use crate::{
    configuration::FIELD_MANAGER,
    rotation::{Rotation, Unusable},
    store::SecretName,
};

/// An event is worth no more waiting than this.
const DEADLINE: Duration = Duration::from_secs(2);

/// Announces rotations.
pub(crate) struct Announcer {
    events: Api<Event>,
    secret: ObjectReference,
}

/// Type of an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Severity {
    /// As planned.
    Normal,
    /// Somebody should look.
    Warning,
}

impl Announcer {
    pub(crate) fn new(client: Client, secret: &SecretName) -> Self {
        let events = Api::namespaced(client, &secret.namespace);
        let secret = ObjectReference {
            api_version: Some("v1".into()),
            kind: Some("Secret".into()),
            namespace: Some(secret.namespace.clone()),
            name: Some(secret.name.clone()),
            ..ObjectReference::default()
        };
        Self { events, secret }
    }

    /// Announces a rotation that has just been stored. An event that cannot be written is only logged: rotation itself
    /// needs no right to write events.
    pub(crate) async fn announce(&self, rotation: &Rotation) {
        let name = self.secret.name.as_deref();
        match severity(rotation) {
            Severity::Warning => tracing::warn!(secret = name, "{rotation}"),
            Severity::Normal => tracing::info!(secret = name, "{rotation}"),
        }
        match timeout(DEADLINE, self.events.create(&PostParams::default(), &self.event(rotation))).await {
            Ok(Ok(_)) => {}
            Ok(Err(kube::Error::Api(status))) => {
                tracing::info!("no event of the authority could be written: {}", status.message);
            }
            Ok(Err(_)) | Err(_) => {
                tracing::info!("no event of the authority could be written: no answer from the API server");
            }
        }
    }

    fn event(&self, rotation: &Rotation) -> Event {
        let Self { secret, .. } = self;
        Event {
            metadata: ObjectMeta {
                generate_name: secret.name.as_ref().map(|name| format!("{name}-")),
                namespace: secret.namespace.clone(),
                ..ObjectMeta::default()
            },
            type_: Some(severity(rotation).name().to_owned()),
            reason: Some(reason(rotation).to_owned()),
            note: Some(rotation.to_string()),
            action: Some("Rotate".to_owned()),
            event_time: Some(MicroTime(Timestamp::now())),
            reporting_controller: Some(FIELD_MANAGER.to_owned()),
            reporting_instance: Some(FIELD_MANAGER.to_owned()),
            regarding: Some(secret.clone()),
            ..Event::default()
        }
    }
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// The reason of an event, as `kubectl get events` shows it.
fn reason(rotation: &Rotation) -> &'static str {
    match rotation {
        Rotation::Replace(Unusable::Absent) => "AuthorityCreated",
        Rotation::Replace(_) => "AuthorityReplaced",
        Rotation::Stage(_) => "SuccessorPublished",
        Rotation::Promote(_) => "SuccessorPromoted",
        Rotation::Retire(_) => "AuthorityRetired",
        Rotation::Restore(_) => "AuthorityRestored",
    }
}

/// Warning where the authority changed otherwise than planned.
fn severity(rotation: &Rotation) -> Severity {
    match rotation {
        Rotation::Replace(Unusable::Absent)
        | Rotation::Stage(_)
        | Rotation::Promote(_)
        | Rotation::Retire(_) => Severity::Normal,
        Rotation::Replace(_) | Rotation::Restore(_) => Severity::Warning,
    }
}
