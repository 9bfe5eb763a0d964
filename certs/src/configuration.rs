//! The webhook configurations as values: which there are, whom they trust, and what we write of them. Pure.

use std::fmt;

use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
};
use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};

use crate::certificate::{Bundle, Fingerprint};

/// The two kinds of configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `MutatingWebhookConfiguration`.
    Mutating,
    /// `ValidatingWebhookConfiguration`.
    Validating,
}

impl Kind {
    /// How the API server serves it.
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
    /// Which one.
    pub configuration: Configuration,
    /// `None` where it does not exist.
    found: Option<Found>,
}

#[derive(Clone, Debug)]
struct Found {
    version: String,
    webhooks: Vec<Webhook>,
}

/// An entry of a configuration.
#[derive(Clone, Debug)]
struct Webhook {
    name: String,
    text: Vec<u8>,
    bundle: Bundle,
}

/// How a configuration stands to a bundle.
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
            webhooks: object.data["webhooks"].as_array().into_iter().flatten().map(webhook).collect(),
        });
        Self { configuration, found }
    }

    /// Whether every webhook of it trusts an authority. One that does not exist trusts nobody.
    #[must_use]
    pub fn trusts(&self, issuer: &Fingerprint) -> bool {
        self.every_bundle(|bundle| bundle.trusts(issuer))
    }

    /// Whether something holds for the bundle of every webhook. It holds for none that does not exist.
    pub(crate) fn every_bundle(&self, holds: impl Fn(&Bundle) -> bool) -> bool {
        self.found.as_ref().is_some_and(|found| found.webhooks.iter().all(|webhook| holds(&webhook.bundle)))
    }

    pub(crate) fn exists(&self) -> bool {
        self.found.is_some()
    }

    /// How it stands to the bundle that it ought to have.
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

    /// Every authority that one of its webhooks trusts.
    pub(crate) fn authorities(&self) -> Bundle {
        let webhooks = self.found.iter().flat_map(|found| &found.webhooks);
        webhooks.flat_map(|webhook| webhook.bundle.iter().cloned()).collect()
    }

    /// What is applied to give every webhook of it a bundle: only that field, and only if the configuration is still
    /// the one that was read.
    ///
    /// The version matters. A replica that was asleep since it read the Secret must not put an older bundle over a
    /// newer one; whoever wrote the newer one has changed the version.
    pub(crate) fn patch(&self, bundle: &str) -> Option<Value> {
        let found = self.found.as_ref()?;
        let resource = self.configuration.kind.resource();
        let bundle = ByteString(bundle.as_bytes().to_vec());
        let webhooks = found
            .webhooks
            .iter()
            .map(|webhook| json!({ "name": webhook.name, "clientConfig": { "caBundle": bundle } }));
        Some(json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": { "name": self.configuration.name, "resourceVersion": found.version },
            "webhooks": webhooks.collect::<Vec<_>>(),
        }))
    }
}

fn webhook(entry: &Value) -> Webhook {
    let bundle = entry["clientConfig"]["caBundle"].clone();
    let text = serde_json::from_value::<ByteString>(bundle).map(|bytes| bytes.0).unwrap_or_default();
    Webhook {
        name: entry["name"].as_str().unwrap_or_default().to_owned(),
        bundle: Bundle::salvage(&text),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{issue::Authority, lives::Lives};

    fn live(webhooks: &Value) -> Live {
        let object =
            json!({ "metadata": { "name": "seinode", "resourceVersion": "7" }, "webhooks": webhooks });
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let configuration = Configuration { kind: Kind::Validating, name: "seinode".into() };
        Live::of(configuration, Some(&object))
    }

    fn authority() -> Bundle {
        let made = Authority::create("2026-01-01T00:00:00Z".parse().unwrap(), &Lives::default()).unwrap();
        Bundle::from_iter([made.certificate().clone()])
    }

    fn entry(name: &str, bundle: &str) -> Value {
        json!({ "name": name, "clientConfig": { "caBundle": ByteString(bundle.as_bytes().to_vec()) } })
    }

    #[test]
    fn one_webhook_without_the_bundle_puts_the_whole_configuration_out_of_sync() {
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
    fn a_configuration_that_is_not_there_trusts_nobody_and_is_never_made() {
        let configuration = Configuration { kind: Kind::Mutating, name: "seinode".into() };
        let absent = Live::of(configuration, None);
        let ours = authority();
        assert_eq!(absent.standing(&ours.pem()), Standing::Absent);
        assert!(!absent.trusts(&ours.iter().next().unwrap().fingerprint()));
        assert_eq!(absent.patch(&ours.pem()), None);
        assert_eq!(absent.configuration.to_string(), "MutatingWebhookConfiguration seinode");
    }

    #[test]
    fn what_is_applied_names_the_bundle_and_nothing_else_of_the_version_that_was_read() {
        let patch = live(&json!([entry("a", "old"), entry("b", "")])).patch("new").unwrap();
        assert_eq!(
            patch,
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": { "name": "seinode", "resourceVersion": "7" },
                "webhooks": [
                    { "name": "a", "clientConfig": { "caBundle": "bmV3" } },
                    { "name": "b", "clientConfig": { "caBundle": "bmV3" } },
                ],
            })
        );
    }
}
