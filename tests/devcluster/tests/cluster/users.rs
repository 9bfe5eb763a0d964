//! Rights of users, and the record of their requests.

use std::sync::Arc;

use devcluster::LIMITED_TOKEN;
use devcluster::audit::{self, Request, Stage};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use scenario::scenario;
use serde_json::json;

use crate::kit::{Room, Shared, eventually, from};

#[scenario]
async fn a_limited_user_may_do_what_it_is_bound_to(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "limited").await;
    let client = cluster.client_for(LIMITED_TOKEN, "limited-test").expect("a client");
    let pods: Api<Pod> = Api::namespaced(client.clone(), &room.namespace);
    let refused = pods.list(&ListParams::default()).await.expect_err("no right yet").to_string();
    assert!(refused.contains("\"limited\" cannot list"), "{refused}");

    let admin = cluster.client();
    let role = json!({
        "metadata": { "name": "limited-test" },
        "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["list"] }],
    });
    let binding = json!({
        "metadata": { "name": "limited-test" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "limited-test" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited" }],
    });
    let parameters = PostParams::default();
    Api::<ClusterRole>::all(admin.clone()).create(&parameters, &from(role)).await.expect("a role");
    Api::<ClusterRoleBinding>::all(admin).create(&parameters, &from(binding)).await.expect("a binding");
    eventually("the right is given", || async {
        pods.list(&ListParams::default()).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
    let others: Api<ConfigMap> = Api::namespaced(client, &room.namespace);
    assert!(others.list(&ListParams::default()).await.is_err(), "and no other");
}

#[scenario]
async fn a_service_accounts_token_makes_a_kubeconfig(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "service-account").await;
    room.create::<ServiceAccount>(json!({ "metadata": { "name": "operator" } })).await;
    let request = k8s_openapi::api::authentication::v1::TokenRequest {
        spec: k8s_openapi::api::authentication::v1::TokenRequestSpec {
            audiences: vec!["https://kubernetes.default.svc".to_owned()],
            ..Default::default()
        },
        ..Default::default()
    };
    let accounts: Api<ServiceAccount> = room.api();
    let token =
        accounts.create_token_request("operator", &PostParams::default(), &request).await.expect("a token");
    let kubeconfig =
        cluster.kubeconfig_for_token(&token.status.expect("issued").token).expect("a kubeconfig");
    let answer =
        cluster.kubectl().env("KUBECONFIG", kubeconfig).args(["auth", "whoami"]).output().expect("kubectl");
    let output = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(output.contains("system:serviceaccount:service-account:operator"), "{output} {answer:?}");
}

#[scenario]
async fn kubectl_reaches_the_cluster_and_no_other(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let answer =
        cluster.kubectl().args(["get", "node", "node-0", "--output=name"]).output().expect("kubectl");
    let output = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert_eq!(output, "node/node-0\n", "{answer:?}");
}

#[scenario]
async fn the_audit_log_tells_who_asked_for_what(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "audit-log").await;
    let log = cluster.audit_log().expect("the audit is on");
    let client: Client = cluster.client_for(LIMITED_TOKEN, "counted/1.0").expect("a client");
    let mine = |since: Timestamp| {
        let all = audit::requests(&log, since).expect("readable");
        all.into_iter().filter(|request| request.user_agent == "counted/1.0").collect::<Vec<Request>>()
    };
    let begin = Timestamp::now();
    let maps: Api<ConfigMap> = Api::namespaced(client, &room.namespace);
    for _ in 0..3 {
        let _ = maps.get_opt("absent").await;
    }
    let requests = mine(begin);
    assert_eq!(requests.len(), 3, "{requests:?}");
    for request in &requests {
        assert_eq!((request.user.as_str(), request.verb.as_str(), request.code), ("limited", "get", 403));
        assert_eq!((request.resource.as_str(), request.name.as_str()), ("configmaps", "absent"));
        assert_eq!((request.namespace.as_str(), request.stage), ("audit-log", Stage::ResponseComplete));
    }
    assert_eq!(mine(Timestamp::now()), [], "nothing since");
}
