//! Validates the settings of the admission webhooks.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use seinode_certs::{Files, Names};

use super::{
    flags::{boolean, listen, own_namespace, problem},
    listen::Listen,
    problem::{Findings, Problem, Problems},
    rules,
};
use crate::cli::WebhookArgs;

/// Settings of admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Address of the webhooks.
    pub listen: Listen,
    /// Source of the certificate.
    pub authority: Authority,
    /// File with the authority of API servers' client certificates; `None` lets every client call.
    pub clients: Option<PathBuf>,
    /// The names that API servers call it by; none for the Service [`Self::SERVICE`] in the operator's namespace.
    pub names: Vec<String>,
    /// Name of the `MutatingWebhookConfiguration`.
    pub mutating: String,
    /// Name of the `ValidatingWebhookConfiguration`.
    pub validating: String,
    /// The operator's own namespace; `None` for the one of the credentials.
    pub namespace: Option<String>,
}

/// Source of the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// From an authority of our own in the Secret of this name.
    Secret(String),
    /// From files, which somebody else renews.
    Files(Files),
}

/// Interval of reading the files. The kubelet itself brings a changed Secret within a minute or so.
const INTERVAL: Duration = Duration::from_secs(10);

impl Admission {
    /// Default name of the Service.
    pub const SERVICE: &'static str = "seinode-operator-webhook";

    /// Validates the flags; `None` when no webhook is to be served.
    ///
    /// # Errors
    /// All that is wrong, also of what is switched off: it will be switched on one day.
    pub fn parse(
        flags: &WebhookArgs,
        environment: &BTreeMap<String, String>,
    ) -> Result<Option<Self>, Problems> {
        let WebhookArgs {
            webhook_bind_address,
            disable_webhooks,
            webhook_names,
            webhook_certificate_secret,
            webhook_certificate_directory,
            webhook_ca_bundle,
            webhook_client_ca,
            mutating_webhook_configuration,
            validating_webhook_configuration,
        } = flags;
        let mut findings = Findings::default();
        let listen = findings.take(listen("webhook-bind-address", webhook_bind_address));
        let disabled = findings.take(boolean("disable-webhooks", disable_webhooks));
        let names = findings.take(names(webhook_names));
        let secret = findings.take(name("webhook-certificate-secret", webhook_certificate_secret));
        let files = findings.take(files(webhook_certificate_directory, webhook_ca_bundle));
        let mutating = findings.take(name("mutating-webhook-configuration", mutating_webhook_configuration));
        let validating =
            findings.take(name("validating-webhook-configuration", validating_webhook_configuration));
        let namespace = findings.take(own_namespace(environment));
        let assemble = || {
            let admission = Self {
                listen: listen?,
                authority: files?.map_or(Authority::Secret(secret?), Authority::Files),
                clients: (!webhook_client_ca.is_empty()).then(|| PathBuf::from(webhook_client_ca)),
                names: names?,
                mutating: mutating?,
                validating: validating?,
                namespace: namespace?,
            };
            let served = !disabled? && admission.listen != Listen::Off;
            Some(served.then_some(admission))
        };
        let whole = assemble();
        findings.conclude(whole)
    }
}

fn names(names: &[String]) -> Result<Vec<String>, Problem> {
    match names {
        [] => Ok(Vec::new()),
        [only] if only.is_empty() => Ok(Vec::new()),
        names => match Names::parse(names) {
            Ok(_) => Ok(names.to_vec()),
            Err(why) => Err(problem(
                "webhook-names",
                format!("cannot be put into a certificate: {why}"),
                "write names such as seinode-operator-webhook.sei-system.svc, separated by commas",
            )),
        },
    }
}

fn name(flag: &str, name: &str) -> Result<String, Problem> {
    rules::dns_subdomain(name).map(|()| name.to_owned()).map_err(|reason| {
        problem(flag, format!("is {name:?}, which {reason}"), "write the name of an object")
    })
}

fn files(directory: &str, bundle: &str) -> Result<Option<Files>, Problem> {
    match (directory, bundle) {
        ("", "") => Ok(None),
        ("", _) => Err(problem(
            "webhook-ca-bundle",
            "is of use only for a certificate in files",
            "set --webhook-certificate-directory to its directory, or leave both out",
        )),
        (directory, bundle) => {
            let directory = PathBuf::from(directory);
            Ok(Some(Files {
                certificate: directory.join("tls.crt"),
                key: directory.join("tls.key"),
                bundle: (!bundle.is_empty()).then(|| PathBuf::from(bundle)),
                interval: INTERVAL,
            }))
        }
    }
}

#[cfg(test)]
mod tests;
