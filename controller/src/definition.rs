//! Watches the installed CRD and says when it is older than this operator: it would drop what is written, without a word.
//!
//! Only its metadata is watched; the whole is fetched when its schema hash is another one. It changes nothing.

use futures::{StreamExt, pin_mut};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    core::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use prometheus::IntGauge;
use seinode_core::definition::{Definition, compare, hash};

use crate::{
    api_error,
    watch::{WATCH_SECONDS, trouble},
};

/// Name of the CRD.
const NAME: &str = "seinodes.sei.io";
/// Number of missing fields that are named.
const NAMED: usize = 5;

/// Says how the CRD stands whenever that changes, until it is dropped.
pub(crate) async fn watch(watch_client: Client, client: Client, outdated: IntGauge) {
    let metadata: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(watch_client);
    let config = watcher::Config::default().fields(&format!("metadata.name={NAME}")).timeout(WATCH_SECONDS);
    let events = watcher(metadata, config).default_backoff();
    pin_mut!(events);
    let mut judged = None;
    let mut silent = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(crd) | watcher::Event::InitApply(crd)) => {
                let found = Some(hash(crd.metadata.annotations.as_ref()).unwrap_or_default().to_owned());
                if judged != found && judge(&client, &outdated).await {
                    judged = found;
                }
                silent = false;
            }
            Ok(watcher::Event::Delete(_)) => judged = None,
            Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) if !silent => {
                let why = trouble::say(&error, "customresourcedefinitions");
                tracing::warn!("whether the CRD {NAME} is outdated cannot be told: {why}");
                silent = true;
            }
            Err(_) => {}
        }
    }
}

/// Judges the CRD; true if it could be judged.
async fn judge(client: &Client, outdated: &IntGauge) -> bool {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let installed = match crds.get(NAME).await {
        Ok(installed) => installed,
        Err(error) => {
            tracing::warn!("{}", api_error::read(&error, &format!("get CRD {NAME}")).message);
            return false;
        }
    };
    let definition = compare(&installed);
    outdated.set(i64::from(matches!(definition, Definition::Lacks(_))));
    match definition {
        Definition::Same => tracing::info!("the CRD {NAME} is the one of this operator"),
        Definition::Differs => {
            tracing::info!("the CRD {NAME} has all that this operator writes, and differs")
        }
        Definition::Lacks(fields) => {
            let more = fields.len().saturating_sub(NAMED);
            tracing::warn!(
                more,
                "the CRD {NAME} is older than this operator and drops {}: upgrade the chart seinode-crds, or run \
                 `seinode-operator crds | kubectl apply --server-side --force-conflicts -f -`",
                fields.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ")
            );
        }
    }
    true
}
