//! Authors of changes, as the API server records them.

use serde_json::json;

use super::*;

/// A StatefulSet that we applied, as it is stored; `others` are further entries of managedFields.
#[allow(clippy::needless_pass_by_value, reason = "a table reads better so")]
fn live(spec: Value, others: Value) -> Value {
    let mut managed = vec![json!({
        "manager": "seinode-controller", "operation": "Apply",
        "fieldsV1": {
            "f:metadata": {"f:labels": {"f:sei.io/node": {}}},
            "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"seid\"}": {
                ".": {}, "f:name": {}, "f:image": {},
                "f:ports": {"k:{\"containerPort\":1,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}
            }}}}},
        },
    })];
    managed.extend(others.as_array().cloned().unwrap_or_default());
    json!({"metadata": {"labels": {"sei.io/node": "n0", "mine": "x"}, "managedFields": managed}, "spec": spec})
}

fn rendered() -> Value {
    json!({
        "metadata": {"labels": {"sei.io/node": "n0"}},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [
            {"name": "seid", "image": "a", "ports": [{"containerPort": 1}], "env": []}
        ]}}},
    })
}

fn spec() -> Value {
    json!({"replicas": 1, "template": {"spec": {"containers": [
        {"name": "seid", "image": "a", "ports": [{"containerPort": 1, "protocol": "TCP"}]}
    ]}}})
}

#[allow(clippy::needless_pass_by_value, reason = "a table reads better so")]
fn by(manager: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": "Update", "fieldsV1": fields})
}

fn told(live: &Value) -> Vec<(String, String)> {
    of("StatefulSet", live, &rendered()).into_iter().map(|edit| (edit.field, edit.manager)).collect()
}

#[test]
fn what_nobody_else_touched_is_no_edit() {
    let status = json!({"manager": "kube-controller-manager", "subresource": "status",
                        "fieldsV1": {"f:spec": {"f:replicas": {}}}});
    let live = live(spec(), json!([status]));
    assert_eq!(told(&live), []);
    assert_eq!(foreign(&live, &[]), Vec::<String>::new());
    assert_eq!(who_scaled(&live), None);
}

#[test]
fn a_changed_field_is_named_with_its_manager() {
    let mut spec = spec();
    spec["template"]["spec"]["containers"][0]["image"] = "b".into();
    let mut live = live(
        spec,
        json!([by(
            "kubectl-edit",
            json!({"f:spec": {"f:template": {"f:spec": {
        "f:containers": {"k:{\"name\":\"seid\"}": {"f:image": {}}}}}}})
        )]),
    );
    // The API server takes the field from us.
    live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
        ["k:{\"name\":\"seid\"}"]
        .as_object_mut()
        .unwrap()
        .remove("f:image");
    let expected = ("spec.template.spec.containers[seid].image".to_owned(), "kubectl-edit".to_owned());
    assert_eq!(told(&live), [expected]);
}

#[test]
fn a_field_that_was_set_back_by_hand_is_no_edit() {
    let mut live = live(spec(), json!([by("kubectl", json!({"f:spec": {"f:replicas": {}}}))]));
    live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"].as_object_mut().unwrap().remove("f:replicas");
    assert_eq!(told(&live), []);
    assert_eq!(who_scaled(&live).as_deref(), Some("kubectl"));
}

#[test]
fn a_removed_field_is_named_without_a_manager() {
    let mut spec = spec();
    spec["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove("image");
    let expected = ("spec.template.spec.containers[seid].image".to_owned(), "somebody".to_owned());
    assert_eq!(told(&live(spec, json!([]))), [expected]);
}

#[test]
fn a_selector_that_was_replaced_is_one_edit_and_a_port_of_others_is_none() {
    let rendered =
        json!({"spec": {"selector": {"sei.io/node": "a"}, "ports": [{"name": "rpc", "port": 26657}]}});
    let fields = json!({"f:spec": {"f:selector": {}, "f:ports": {
        "k:{\"port\":6060,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}}}}});
    let ports = json!([{"name": "rpc", "port": 26657}, {"name": "debug", "port": 6060, "protocol": "TCP"}]);
    let live = json!({
        "metadata": {"managedFields": [by("kubectl-set", fields)]},
        "spec": {"selector": {"app": "other"}, "ports": ports},
    });
    let edits = of("Service", &live, &rendered).into_iter().map(|edit| (edit.field, edit.manager));
    assert_eq!(edits.collect::<Vec<_>>(), [("spec.selector".to_owned(), "kubectl-set".to_owned())]);
}

#[test]
fn what_others_put_into_the_template_is_found_from_the_last_item_of_a_list_on() {
    let mut spec = spec();
    spec["template"]["metadata"] = json!({"annotations": {"mine": "now"}});
    let containers = spec["template"]["spec"]["containers"].as_array_mut().unwrap();
    containers[0]["env"] = json!([{"name": "X", "value": "1"}]);
    containers.push(json!({"name": "debug", "image": "d"}));
    containers.push(json!({"name": "more", "image": "d"}));
    let item = json!({".": {}, "f:name": {}, "f:image": {}});
    let fields = json!({
        "f:metadata": {"f:annotations": {"f:mine": {}}},
        "f:spec": {"f:revisionHistoryLimit": {}, "f:template": {
            "f:metadata": {"f:annotations": {".": {}, "f:mine": {}}},
            "f:spec": {"f:containers": {
                "k:{\"name\":\"seid\"}": {"f:env": {".": {}, "k:{\"name\":\"X\"}": {".": {}, "f:name": {}}}},
                "k:{\"name\":\"debug\"}": item, "k:{\"name\":\"more\"}": item,
            }},
        }},
    });
    let live = live(spec, json!([by("kubectl-rollout", fields)]));
    let expected = [
        "/spec/template/spec/containers/2",
        "/spec/template/spec/containers/1",
        "/spec/template/spec/containers/0/env",
        "/spec/template/metadata/annotations",
    ];
    let mut found = foreign(&live, &[]);
    let containers: Vec<_> = found.iter().filter(|it| it.contains("containers")).cloned().collect();
    assert_eq!(containers, expected[..3], "later items go first");
    found.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected);
    assert!(told(&live).iter().any(|(field, _)| field == "spec.template.spec.containers[debug]"));
}

#[test]
fn a_restart_by_kubectl_is_no_edit_and_stays() {
    let mut spec = spec();
    spec["template"]["metadata"]["annotations"] =
        json!({"ours": "1", "kubectl.kubernetes.io/restartedAt": "now", "mine": "x"});
    let annotations = json!({"f:kubectl.kubernetes.io/restartedAt": {}, "f:mine": {}});
    let fields = json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": annotations}}}});
    let live = live(spec, json!([by("kubectl-rollout", fields)]));
    assert_eq!(
        told(&live),
        [("spec.template.metadata.annotations.mine".to_owned(), "kubectl-rollout".to_owned())]
    );
    assert_eq!(foreign(&live, &[]), ["/spec/template/metadata/annotations/mine"]);
    let rendered = json!({"spec": {"template": {"metadata": {"annotations": {"ours": "1"}}}}});
    let whole = restarted(rendered, Some("now"));
    assert_eq!(
        whole["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"],
        "now"
    );
}

#[test]
fn labels_of_others_are_theirs_and_ours_are_ours() {
    let fields = json!({"f:metadata": {"f:labels": {"f:mine": {}, "f:sei.io/node": {}}}});
    let mut live = live(spec(), json!([by("kubectl-label", fields)]));
    live["metadata"]["managedFields"][0]["fieldsV1"].as_object_mut().unwrap().remove("f:metadata");
    live["metadata"]["labels"]["sei.io/node"] = "other".into();
    assert_eq!(told(&live), [("metadata.labels.sei.io/node".to_owned(), "kubectl-label".to_owned())]);
}

#[test]
fn ordinals_of_others_are_an_edit_and_removed() {
    // `start: 1` gives the set a second pod beside the first.
    let mut spec = spec();
    spec["ordinals"] = json!({"start": 1});
    let live =
        live(spec, json!([by("kubectl-patch", json!({"f:spec": {"f:ordinals": {".": {}, "f:start": {}}}}))]));
    let by_kubectl = |field: &str| (field.to_owned(), "kubectl-patch".to_owned());
    assert_eq!(told(&live), [by_kubectl("spec.ordinals")], "one edit");
    assert_eq!(foreign(&live, &[]), ["/spec/ordinals"]);
}

/// A StatefulSet with another image, another container and without our replicas.
fn edited() -> Value {
    let mut spec = spec();
    spec.as_object_mut().unwrap().remove("replicas");
    let containers = spec["template"]["spec"]["containers"].as_array_mut().unwrap();
    containers[0]["image"] = "b".into();
    containers.push(json!({"name": "debug", "image": "d"}));
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"seid\"}": {"f:image": {}},
        "k:{\"name\":\"debug\"}": {".": {}, "f:name": {}, "f:image": {}},
    }}}}});
    let mut live = live(spec, json!([by("kubectl-edit", fields)]));
    let ours = &mut live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"];
    let seid = &mut ours["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"seid\"}"];
    seid.as_object_mut().unwrap().remove("f:image");
    live
}

#[test]
fn what_is_left_alone_is_neither_applied_nor_removed() {
    let live = edited();
    let edits = of("StatefulSet", &live, &rendered());
    let fields: Vec<_> = edits.iter().map(|edit| edit.field.as_str()).collect();
    let seid = "spec.template.spec.containers[seid].image";
    assert_eq!(fields, ["spec.replicas", "spec.template.spec.containers[debug]", seid]);
    let wanted = without(rendered(), &edits);
    assert_eq!(wanted["spec"]["replicas"], Value::Null);
    assert_eq!(wanted.pointer("/spec/template/spec/containers/0/image"), None);
    assert_eq!(wanted.pointer("/spec/template/spec/containers/0/name"), Some(&json!("seid")));
    assert_eq!(foreign(&live, &edits), [""; 0]);
    assert_eq!(
        foreign(&live, &edits[..1]),
        ["/spec/template/spec/containers/1", "/spec/template/spec/containers/0/image"]
    );
    let whole = grafted(rendered(), &edits);
    assert_eq!(whole["spec"]["replicas"], Value::Null);
    assert_eq!(whole.pointer("/spec/template/spec/containers/0/image"), Some(&json!("b")));
    assert_eq!(whole.pointer("/spec/template/spec/containers/1/image"), Some(&json!("d")));
}

#[test]
fn an_edit_that_is_still_there_was_not_reverted() {
    let live = edited();
    let edits = of("StatefulSet", &live, &rendered());
    assert_eq!(kept(&edits, &live), edits);
    assert_eq!(kept(&edits, &rendered()), []);
    assert_eq!(kept(&edits, &grafted(rendered(), &edits[1..2])), edits[1..2]);
}

#[test]
fn a_port_with_another_number_is_the_same_port() {
    let rendered =
        json!({"spec": {"ports": [{"name": "rpc", "port": 26657}, {"name": "p2p", "port": 26656}]}});
    let fields = json!({"f:spec": {"f:ports": {
        "k:{\"port\":36657,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}}}}});
    let ports = json!([{"name": "rpc", "port": 36657, "protocol": "TCP"}, {"name": "p2p", "port": 26656}]);
    let live = json!({"metadata": {"managedFields": [by("kubectl-edit", fields)]}, "spec": {"ports": ports}});
    let edits = of("Service", &live, &rendered);
    assert_eq!(edits.len(), 1, "{edits:?}");
    assert_eq!(without(rendered, &edits)["spec"]["ports"], json!([{"name": "p2p", "port": 26656}]));
    assert_eq!(kept(&edits, &live), edits);
}

#[test]
fn a_field_is_never_longer_than_a_person_reads() {
    let edit = |end: &str| {
        let name = "x".repeat(100_000) + end;
        let mut spec = spec();
        spec["template"]["spec"]["containers"][0]["env"] = json!([{"name": name, "value": "1"}]);
        let key = format!("k:{}", json!({ "name": name }));
        let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"seid\"}": {"f:env": {key: {".": {}, "f:name": {}}}}}}}}});
        told(&live(spec, json!([by("kubectl", fields)])))[0].0.clone()
    };
    assert!(edit("a").chars().count() < 400, "{}", edit("a").len());
    assert_ne!(edit("a"), edit("b"));
}

#[test]
fn many_edits_cost_no_more_than_they_are_long() {
    let names: Vec<_> = (0..20_000).map(|number| format!("VARIABLE_{number}")).collect();
    let item = |name: &String| json!({"name": name, "value": "1"});
    let mut spec = spec();
    spec["template"]["spec"]["containers"][0]["env"] = names.iter().map(item).collect();
    let owned = names.iter().map(|name| {
        (format!("k:{}", json!({ "name": name })), json!({".": {}, "f:name": {}, "f:value": {}}))
    });
    let env: Map<_, _> = owned.collect();
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"seid\"}": {"f:env": env}}}}}});
    let live = live(spec, json!([by("kubectl", fields)]));
    // Twenty thousand variables, each looked for among all, would take a minute.
    assert_eq!(of("StatefulSet", &live, &rendered()).len(), MOST);
    assert_eq!(foreign(&live, &[]).len(), 20_000);
}
