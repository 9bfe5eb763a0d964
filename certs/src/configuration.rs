//! The webhook configurations as values: their bundles, and the patch that writes these. Pure.

use std::fmt;

use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry},
};
use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};

use crate::certificate::{Bundle, Fingerprint};

/// The field manager that owns `caBundle`.
pub const FIELD_MANAGER: &str = "seinode-certs";

/// The two kinds of configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `MutatingWebhookConfiguration`.
    Mutating,
    /// `ValidatingWebhookConfiguration`.
    Validating,
}

impl Kind {
    /// The resource by which the API server serves it.
    #[must_use]
    pub fn resource(self) -> ApiResource {
        match self {
            Self::Mutating => ApiResource::erase::<MutatingWebhookConfiguration>(&()),
            Self::Validating => ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
        }
    }
}

/// One configuration, by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Configuration {
    /// Mutating or validating.
    pub kind: Kind,
    /// Its name in the cluster.
    pub name: String,
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.resource().kind, self.name)
    }
}

/// A configuration as it was read, and the version that was read.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its kind and name.
    pub configuration: Configuration,
    /// `None` where it does not exist.
    found: Option<Found>,
}

#[derive(Clone, Debug)]
struct Found {
    version: String,
    webhooks: Vec<Webhook>,
    /// Managed fields that an earlier version of ours applied, with their places in the object.
    applied: Vec<(usize, ManagedFieldsEntry)>,
}

/// An entry of a configuration.
#[derive(Clone, Debug)]
struct Webhook {
    name: String,
    text: Vec<u8>,
    bundle: Bundle,
}

/// State of a configuration with regard to a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Every webhook of it has this bundle.
    InSync,
    /// One of its webhooks has another, or none.
    Differs,
    /// There is no such configuration.
    Absent,
}

impl Live {
    /// Takes in what the API server returned; `None` means that there is no such object.
    #[must_use]
    pub fn of(configuration: Configuration, object: Option<&DynamicObject>) -> Self {
        let found = object.map(|object| Found {
            version: object.metadata.resource_version.clone().unwrap_or_default(),
            webhooks: object
                .data
                .get("webhooks")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(webhook)
                .collect(),
            applied: applied(object),
        });
        Self { configuration, found }
    }

    /// Reports whether every webhook of it trusts an authority. A missing configuration trusts nobody.
    #[must_use]
    pub fn trusts(&self, issuer: &Fingerprint) -> bool {
        self.every_bundle(|bundle| bundle.trusts(issuer))
    }

    /// Reports whether something holds for the bundle of every webhook; never for a missing configuration.
    pub(crate) fn every_bundle(&self, holds: impl Fn(&Bundle) -> bool) -> bool {
        self.found.as_ref().is_some_and(|found| found.webhooks.iter().all(|webhook| holds(&webhook.bundle)))
    }

    pub(crate) fn exists(&self) -> bool {
        self.found.is_some()
    }

    /// Its state with regard to the bundle that it should have.
    #[must_use]
    pub fn standing(&self, bundle: &str) -> Standing {
        match &self.found {
            None => Standing::Absent,
            Some(found) if found.webhooks.iter().all(|webhook| webhook.text == bundle.as_bytes()) => {
                Standing::InSync
            }
            Some(_) => Standing::Differs,
        }
    }

    /// Reports whether it has to be written: it has another bundle, or fields that an earlier version applied.
    pub(crate) fn needs(&self, bundle: &str) -> bool {
        self.standing(bundle) == Standing::Differs || self.has_applied_fields()
    }

    /// Reports whether an earlier version of ours owns whole entries of it, by server-side apply.
    ///
    /// Such an entry would survive in part when its owner takes it out of the configuration, and make that fail.
    pub(crate) fn has_applied_fields(&self) -> bool {
        self.found.as_ref().is_some_and(|found| !found.applied.is_empty())
    }

    /// Every authority that one of its webhooks trusts.
    pub(crate) fn authorities(&self) -> Bundle {
        let webhooks = self.found.iter().flat_map(|found| &found.webhooks);
        webhooks.flat_map(|webhook| webhook.bundle.iter().cloned()).collect()
    }

    /// The JSON patch that gives every webhook of it a bundle: only that field, and only if the configuration is still the
    /// one that was read. `None` where it does not exist.
    ///
    /// The version matters. A replica that was asleep since it read the Secret must not put an older bundle over a
    /// newer one; whoever wrote the newer one has changed the version. The names guard the places in the list.
    pub(crate) fn patch(&self, bundle: &str) -> Option<Value> {
        let Found { version, webhooks, applied } = self.found.as_ref()?;
        let bundle = ByteString(bundle.as_bytes().to_vec());
        let mut operations =
            vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": version})];
        for (at, Webhook { name, .. }) in webhooks.iter().enumerate() {
            let path = format!("/webhooks/{at}/clientConfig/caBundle");
            operations.push(json!({"op": "test", "path": format!("/webhooks/{at}/name"), "value": name}));
            operations.push(json!({"op": "add", "path": path, "value": bundle}));
        }
        for (at, entry) in applied {
            let path = format!("/metadata/managedFields/{at}");
            operations.push(json!({"op": "replace", "path": path, "value": updated(entry, webhooks)}));
        }
        Some(Value::Array(operations))
    }
}

/// Managed fields that earlier versions of ours applied.
fn applied(object: &DynamicObject) -> Vec<(usize, ManagedFieldsEntry)> {
    let entries = object.metadata.managed_fields.iter().flatten().enumerate();
    let ours = entries.filter(|(_, entry)| {
        entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some("Apply")
    });
    ours.map(|(at, entry)| (at, entry.clone())).collect()
}

/// The entry as an update by a JSON patch would have made it: owner of the bundles alone, not of the entries around them.
fn updated(entry: &ManagedFieldsEntry, webhooks: &[Webhook]) -> Value {
    let leaf = json!({"f:clientConfig": {"f:caBundle": {}}});
    let owned =
        webhooks.iter().map(|Webhook { name, .. }| (format!("k:{}", json!({"name": name})), leaf.clone()));
    let owned: serde_json::Map<_, _> = owned.collect();
    json!(ManagedFieldsEntry {
        operation: Some("Update".into()),
        fields_v1: Some(FieldsV1(json!({"f:webhooks": owned}))),
        ..entry.clone()
    })
}

fn webhook(entry: &Value) -> Webhook {
    let bundle = entry.pointer("/clientConfig/caBundle").cloned().unwrap_or_default();
    let text = serde_json::from_value::<ByteString>(bundle).map(|bytes| bytes.0).unwrap_or_default();
    Webhook {
        name: entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        bundle: Bundle::salvage(&text),
        text,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tests::fixtures;

    fn live(webhooks: &Value) -> Live {
        let object =
            json!({ "metadata": { "name": "seinode", "resourceVersion": "7" }, "webhooks": webhooks });
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let configuration = Configuration { kind: Kind::Validating, name: "seinode".into() };
        Live::of(configuration, Some(&object))
    }

    fn authority() -> Bundle {
        Bundle::from_iter([fixtures::authority(Duration::ZERO).certificate().clone()])
    }

    fn entry(name: &str, bundle: &str) -> Value {
        json!({ "name": name, "clientConfig": { "caBundle": ByteString(bundle.as_bytes().to_vec()) } })
    }

    #[test]
    fn one_entry_without_the_bundle_puts_all_out_of_sync() {
        let ours = authority();
        let issuer = ours.iter().next().unwrap().fingerprint();
        let both = live(&json!([entry("a", &ours.pem()), entry("b", &ours.pem())]));
        assert_eq!((both.standing(&ours.pem()), both.trusts(&issuer)), (Standing::InSync, true));

        let wiped = json!({ "name": "b", "clientConfig": { "service": {} } });
        for other in [wiped, entry("b", "nonsense"), entry("b", &authority().pem())] {
            let one = live(&json!([entry("a", &ours.pem()), other]));
            assert_eq!((one.standing(&ours.pem()), one.trusts(&issuer)), (Standing::Differs, false));
        }
        let more = live(&json!([entry("a", &(authority().pem() + &ours.pem()))]));
        assert_eq!((more.standing(&ours.pem()), more.trusts(&issuer)), (Standing::Differs, true));
    }

    #[test]
    fn a_missing_configuration_trusts_nobody_and_is_never_created() {
        let configuration = Configuration { kind: Kind::Mutating, name: "seinode".into() };
        let absent = Live::of(configuration, None);
        let ours = authority();
        assert_eq!(absent.standing(&ours.pem()), Standing::Absent);
        assert!(!absent.trusts(&ours.iter().next().unwrap().fingerprint()));
        assert_eq!(absent.patch(&ours.pem()), None);
        assert_eq!(absent.configuration.to_string(), "MutatingWebhookConfiguration seinode");
    }

    #[test]
    fn a_patch_writes_bundles_only_and_at_the_version_that_was_read() {
        let patch = live(&json!([entry("a", "old"), entry("b", "")])).patch("new").unwrap();
        let expected = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
            {"op": "test", "path": "/webhooks/0/name", "value": "a"},
            {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "bmV3"},
            {"op": "test", "path": "/webhooks/1/name", "value": "b"},
            {"op": "add", "path": "/webhooks/1/clientConfig/caBundle", "value": "bmV3"},
        ]);
        assert_eq!(patch, expected);
    }

    #[test]
    fn fields_that_an_earlier_version_applied_are_migrated() {
        let object = json!({
            "metadata": {"name": "seinode", "resourceVersion": "7", "managedFields": [
                {"manager": "helm", "operation": "Apply"},
                {"manager": FIELD_MANAGER, "operation": "Apply", "time": "2026-01-01T00:00:00Z"},
                {"manager": FIELD_MANAGER, "operation": "Update"},
            ]},
            "webhooks": [entry("a", "bundle")],
        });
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let live = Live::of(Configuration { kind: Kind::Mutating, name: "seinode".into() }, Some(&object));
        assert_eq!((live.standing("bundle"), live.needs("bundle")), (Standing::InSync, true));
        let patch = live.patch("bundle").unwrap();
        let migrated: Vec<_> =
            patch.as_array().unwrap().iter().filter(|operation| operation["op"] == "replace").collect();
        let owned = json!({"f:webhooks": {"k:{\"name\":\"a\"}": {"f:clientConfig": {"f:caBundle": {}}}}});
        let entry = json!({
            "manager": FIELD_MANAGER, "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": owned
        });
        let replace = json!({"op": "replace", "path": "/metadata/managedFields/1", "value": entry});
        assert_eq!(migrated, [&replace]);
    }
}
