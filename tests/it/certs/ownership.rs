//! Owners of the fields of a configuration: its entries belong to whoever installs them, with server-side apply too.

use std::sync::Arc;

use kube::{
    ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use scenario::scenario;
use seinode_certs::FIELD_MANAGER;
use serde_json::{Value, json};

use super::{replica::Replica, setup::Setup};
use crate::kit::{Kit, eventually};

/// As Helm 4, Flux and Argo CD upgrade to a version with fewer webhooks, after an earlier version of ours applied bundles.
#[scenario]
async fn an_entry_dropped_by_its_owner_goes(kit: Arc<Kit>) {
    let setup = Setup::of(&kit).await;
    let replica = Replica::start(&setup.settings).await;
    let configuration = &setup.settings.configurations[1];
    let api = setup.api(configuration);
    let resource = configuration.kind.resource();
    let apply = async |manager: &str, entries: Value| {
        let object = json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": {"name": configuration.name}, "webhooks": entries,
        });
        api.patch(&configuration.name, &PatchParams::apply(manager).force(), &Patch::Apply(object)).await
    };
    let [first, second] = ["a.certs.sei.io", "b.certs.sei.io"].map(|name| setup.entry(name, &replica));
    apply("helm", json!([first, second])).await.unwrap();
    let published = eventually("the replica has published its authority", async || {
        let object = api.get(&configuration.name).await.unwrap();
        let bundle = object.data["webhooks"][0]["clientConfig"]["caBundle"].clone();
        if bundle.is_null() { Err(replica.report()) } else { Ok(bundle) }
    })
    .await;
    let applied = ["a.certs.sei.io", "b.certs.sei.io"]
        .map(|name| json!({"name": name, "clientConfig": {"caBundle": published}}));
    apply(FIELD_MANAGER, json!(applied)).await.unwrap();
    eventually("what was applied is migrated", async || {
        let object = api.get(&configuration.name).await.unwrap();
        let ours = managed(&object);
        let owns_little = |(operation, fields): &(String, String)| {
            operation == "Update" && fields.contains("f:caBundle") && !fields.contains("f:name")
        };
        if ours.iter().all(owns_little) && !ours.is_empty() { Ok(()) } else { Err(ours) }
    })
    .await;

    let after = apply("helm", json!([first])).await.unwrap();
    let entries = after.data["webhooks"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{entries:#?}");
    assert_eq!(entries[0]["clientConfig"]["caBundle"], published, "the bundle of the other stays");
}

/// Operations and fields of what is managed as ours.
fn managed(object: &DynamicObject) -> Vec<(String, String)> {
    let ours = object.managed_fields().iter().filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER));
    let read = ours.map(|entry| {
        let fields = entry.fields_v1.as_ref().map(|fields| fields.0.to_string());
        (entry.operation.clone().unwrap_or_default(), fields.unwrap_or_default())
    });
    read.collect()
}
