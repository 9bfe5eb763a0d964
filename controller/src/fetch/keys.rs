//! Reads the Secrets of a node's keys, by `get` and one by one: the operator may not list Secrets.
//!
//! What is in a Secret leaves this file only as a finding. No key is kept, logged or written anywhere.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use seinode_core::{
    failure::{Class, Failure},
    intent::Intent,
    keys::{self, Finding, SigningKey},
    node::NodeRef,
    observation::{KeyCheck, Observation},
    query::Fetched,
};

use crate::{api_error, context::Context};

/// Reads both Secrets of a node that signs.
pub(super) async fn read(context: &Context, node: &NodeRef, intent: &Intent, seen: &Observation) -> Fetched {
    let Some((signing, p2p)) = intent.key_secrets() else {
        let message = "defect of the operator: keys are looked for where the spec names none".into();
        return Fetched::Failed(Failure { class: Class::Invariant, message });
    };
    let namespace = &node.namespace;
    let (signing, p2p) = futures::join!(
        signing_key(context, namespace, signing),
        find(context, namespace, p2p, keys::node_key)
    );
    Fetched::Keys(KeyCheck::new(seen, signing, p2p))
}

/// Finding about the signing key in a Secret.
pub(super) async fn signing_key(context: &Context, namespace: &str, secret: &str) -> Finding<SigningKey> {
    find(context, namespace, secret, keys::signing_key).await
}

async fn find<T>(
    context: &Context,
    namespace: &str,
    name: &str,
    judge: fn(&str, &str, Option<&Secret>) -> Finding<T>,
) -> Finding<T> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    match api.get_opt(name).await {
        Ok(secret) => judge(name, namespace, secret.as_ref()),
        Err(error) => Finding::Unread(api_error::read(&error, &format!("get Secret {name}"))),
    }
}
