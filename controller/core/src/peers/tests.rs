//! Peers by label and namespace, their addresses, and the union of sources.

use serde_json::json;

use super::*;

const ID: &str = "2bfcc8af7412d87ce35ece1cebe7813b011cb3d1";
const OTHER: &str = "00fcc8af7412d87ce35ece1cebe7813b011cb3d1";

/// A SeiNode with a role, and with an id if it has published one.
pub(crate) fn peer(namespace: &str, name: &str, role: &str, id: Option<&str>) -> SeiNode {
    let node = json!({
        "metadata": {"namespace": namespace, "name": name, "labels": {"role": role, "x": "y"}},
        "spec": {"chainId": "c", "image": "i", "fullNode": {}},
        "status": {"nodeId": id},
    });
    serde_json::from_value(node).unwrap()
}

fn selecting(peers: &str) -> (NodeRef, Intent, SeiNode) {
    let node = format!(
        "metadata: {{name: n0, namespace: a}}\nspec: {{chainId: c, image: i, fullNode: {{}}, peers: {peers}}}"
    );
    let object: SeiNode = serde_norway::from_str(&node).unwrap();
    let node = NodeRef { namespace: "a".into(), name: "n0".into(), uid: "u".into() };
    (node, Intent::parse(&object).unwrap(), object)
}

const SENTRIES: &str =
    "[{label: {selector: {role: sentry}}}, {label: {selector: {role: sentry}, namespace: b}}]";

#[test]
fn peers_are_selected_by_label_and_namespace() {
    let (node, intent, object) = selecting(SENTRIES);
    let selected = |namespace: &str, name: &str, role: &str| {
        let mut peers = Peers::default();
        peers.consider(&node, &intent, &peer(namespace, name, role, Some(ID)));
        peers.addresses().into_iter().next()
    };
    assert_eq!(selected("a", "n1", "sentry"), Some(format!("{ID}@n1.a.svc:26656")));
    assert_eq!(selected("b", "n0", "sentry"), Some(format!("{ID}@n0.b.svc:26656")));
    assert_eq!(selected("a", "n0", "sentry"), None, "the node itself");
    assert_eq!(selected("a", "n3", "rpc"), None);
    assert_eq!(selected("c", "n0", "sentry"), None);
    let labels = |role: &str| BTreeMap::from([("role".to_owned(), role.to_owned())]);
    assert!(depends_on(&object, "a", &labels("sentry")) && depends_on(&object, "b", &labels("sentry")));
    assert!(!depends_on(&object, "c", &labels("sentry")) && !depends_on(&object, "a", &labels("rpc")));
}

#[test]
fn a_peer_without_id_is_left_out_and_listed() {
    let (node, intent, _) = selecting(SENTRIES);
    let mut peers = Peers::default();
    for id in [None, Some("x@evil:1,"), Some("2BFCC8AF7412D87CE35ECE1CEBE7813B011CB3D1")] {
        peers.consider(&node, &intent, &peer("a", "n1", "sentry", id));
        assert!(peers.addresses().is_empty() && peers.is_incomplete(), "{id:?}");
        assert_eq!(peers.list().collect::<Vec<_>>(), ["n1.a.svc"]);
    }
    assert_eq!(peers.unresolved().collect::<Vec<_>>(), ["n1.a.svc"]);
    assert_eq!(peers.unmatched(&intent), ["role=sentry in namespace b"]);
}

#[test]
fn the_last_known_address_of_a_silent_peer_is_kept() {
    let (node, intent, _) = selecting(SENTRIES);
    let mut peers = Peers::default();
    peers.consider(&node, &intent, &peer("a", "n1", "sentry", None));
    peers.consider(&node, &intent, &peer("a", "n2", "sentry", Some(OTHER)));
    let listed = ["n1", "n2", "gone"].map(|name| format!("{ID}@{name}.a.svc:26656"));
    let status = SeiNodeStatus { resolved_peers: listed.to_vec(), ..SeiNodeStatus::default() };
    peers.recall(&status);
    let kept = [format!("{ID}@n1.a.svc:26656"), format!("{OTHER}@n2.a.svc:26656")];
    assert_eq!(peers.addresses(), kept, "what a peer publishes is newer; who is gone is none");
    assert_eq!(peers.renewed(&listed), ["n2.a.svc"]);
    assert_eq!(peers.kept().collect::<Vec<_>>(), ["n1.a.svc"]);
}

#[test]
fn peers_are_counted_by_what_the_node_was_given() {
    let address = |id: &str, name: &str| format!("{id}@{name}.a.svc:26656");
    let mut status = SeiNodeStatus {
        resolved_peers: vec![address(ID, "n1"), address(OTHER, "n2"), "n3.a.svc".into(), address(ID, "n4")],
        ..SeiNodeStatus::default()
    };
    assert_eq!(
        Tally::of(&status),
        Tally { resolved: 3, outdated: 0, unresolved: 1 },
        "nothing was given yet"
    );
    let given = status.configured.get_or_insert_default();
    given.peers = Some("hash".into());
    given.peer_addresses = vec![address(ID, "n1"), address(ID, "n2")];
    assert_eq!(Tally::of(&status), Tally { resolved: 1, outdated: 2, unresolved: 1 });
}

#[test]
fn a_peer_that_is_not_to_run_is_not_awaited() {
    let (node, intent, _) = selecting(SENTRIES);
    let awaited = |change: fn(&mut SeiNode)| {
        let mut other = peer("a", "n1", "sentry", None);
        change(&mut other);
        let mut peers = Peers::default();
        peers.consider(&node, &intent, &other);
        peers.is_incomplete()
    };
    let suspend = |it: &mut SeiNode| {
        it.metadata
            .annotations
            .get_or_insert_default()
            .insert(names::SUSPEND_ANNOTATION.into(), "true".into());
    };
    assert!(awaited(|_| {}));
    assert!(!awaited(|it| it.spec.paused = Some(true)) && !awaited(suspend));
}

#[test]
fn sources_are_joined_in_order_and_name_each_peer_once() {
    let own = format!("{ID}@n1.a.svc:26656");
    let written = format!(
        "[{{static: {{addresses: ['x@h:1', '{own}']}}}}, {{ec2Tags: {{region: r, tags: {{a: b}}}}}}, \
         {{label: {{selector: {{role: sentry}}}}}}]"
    );
    let (node, intent, _) = selecting(&written);
    let mut peers = Peers::default();
    peers.consider(&node, &intent, &peer("a", "n1", "sentry", Some(ID)));
    peers.consider(&node, &intent, &peer("a", "n2", "sentry", Some(OTHER)));
    assert_eq!(union(&intent, &peers), ["x@h:1".to_owned(), own, format!("{OTHER}@n2.a.svc:26656")]);
}
