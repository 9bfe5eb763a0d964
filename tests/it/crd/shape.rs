//! The CRD beyond validation: defaults, nulls, columns.

use std::sync::Arc;

use http::Request;
use scenario::scenario;
use serde_json::{Value, json};

use super::nodes::{Nodes, Run};
use crate::kit::Kit;

#[scenario]
async fn defaults_are_set_and_nulls_are_dropped(kit: Arc<Kit>) {
    let own = kit.namespace().await;
    let (client, namespace) = (&own.client, own.name.as_str());
    let nodes = Nodes::shared(client, namespace);
    let object = json!({
        "metadata": { "name": "nulls" },
        "spec": {
            "chainId": "pacific-1", "image": "seid:v1", "peers": null, "entrypoint": null, "dataVolume": null,
            "fullNode": { "snapshot": null }, "archive": null, "sidecar": { "image": null },
        },
    });
    let stored = nodes.create(&object, Run::Real).await.unwrap();
    let expected = json!({
        "chainId": "pacific-1", "image": "seid:v1", "fullNode": {}, "sidecar": { "port": 7777 },
    });
    assert_eq!(stored["spec"], expected);
    let without_sidecar = json!({ "spec": { "sidecar": null } });
    let stored = nodes.change("nulls", &without_sidecar, Run::Real).await.unwrap();
    assert_eq!(stored["spec"].get("sidecar"), None);
}

#[scenario]
async fn kubectl_columns_show_the_status(kit: Arc<Kit>) {
    let own = kit.namespace().await;
    let (client, namespace) = (&own.client, own.name.as_str());
    let nodes = Nodes::shared(client, namespace);
    let object = json!({
        "metadata": { "name": "columns" },
        "spec": { "chainId": "pacific-1", "image": "seid:v2", "fullNode": {} },
    });
    nodes.create(&object, Run::Real).await.unwrap();
    let condition = |type_: &str, status: &str, message: &str| {
        json!({
            "type": type_, "status": status, "reason": "Because", "message": message,
            "lastTransitionTime": "2026-05-08T10:00:00Z",
        })
    };
    let status = json!({
        "phase": "Running", "mode": "fullNode", "currentImage": "seid:v1",
        "plan": { "currentTask": "replace-pod (3/5)" },
        "conditions": [
            condition("Ready", "False", "a new image is on its way"),
            condition("Available", "True", ""),
            condition("SidecarReady", "Unknown", ""),
            condition("NodeUpdateInProgress", "True", ""),
        ],
    });
    nodes.write_status("columns", status).await.unwrap();

    let path = format!("/apis/sei.io/v1alpha1/namespaces/{namespace}/seinodes/columns");
    let request = Request::get(path).header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let table: Value = client.request(request.body(Vec::new()).unwrap()).await.unwrap();
    let columns = table["columnDefinitions"].as_array().unwrap();
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    let shown: Vec<_> = columns
        .iter()
        .zip(cells)
        .map(|(column, cell)| (column["name"].as_str().unwrap(), column["priority"].as_i64().unwrap(), cell))
        .filter(|(name, ..)| *name != "Age")
        .map(|(name, priority, cell)| (name, priority, cell.as_str().unwrap()))
        .collect();
    let expected = [
        ("Name", 0, "columns"),
        ("Ready", 0, "False"),
        ("Available", 0, "True"),
        ("Mode", 0, "fullNode"),
        ("Chain", 0, "pacific-1"),
        ("Phase", 0, "Running"),
        ("Image", 0, "seid:v2"),
        ("Current", 0, "seid:v1"),
        ("Sidecar", 0, "Unknown"),
        ("Updating", 0, "True"),
        ("Task", 1, "replace-pod (3/5)"),
        ("Message", 1, "a new image is on its way"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(columns[10]["name"], "Age");
}
