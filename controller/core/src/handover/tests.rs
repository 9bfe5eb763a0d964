use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use seinode_api::status::AdoptionStatus;
use serde_json::{Value, json};

use super::*;
use crate::{
    adoption::Estate,
    exclusive::{Contender, DataVolume as Volume, PodUse, Signing, Stray, StrayKey},
    node::NodeRef,
    platform::{Bucket, ResultExport},
};

const OLD: &str = "uid-old";

fn subject(rest: &str) -> Subject {
    let object = format!(
        "{{metadata: {{name: n0, namespace: sei, uid: uid-new, annotations: {{sei.io/adopt: {OLD}}}}}, \
         spec: {{chainId: c, image: i, fullNode: {{}}{rest}}}}}"
    );
    Subject::of(&serde_norway::from_str(&object).unwrap())
}

fn meta(controller: Option<&str>, mark: Option<&str>) -> ObjectMeta {
    let owner = |uid| json!([{"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "n0", "uid": uid, "controller": true}]);
    let annotations = mark.map(|uid| json!({names::OWNER_UID_ANNOTATION: uid}));
    let meta = json!({"uid": "child", "ownerReferences": controller.map(owner), "annotations": annotations});
    serde_json::from_value::<ObjectMeta>(strip(meta)).unwrap()
}

fn strip(mut meta: Value) -> Value {
    meta.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    meta
}

fn found(child: Child, heritage: Heritage) -> Found {
    Found { child, uid: format!("{child:?}"), heritage, deletion: Deletion::Absent }
}

fn rival(uid: &str, volume: Volume) -> Contender {
    let (namespace, name) = ("sei".to_owned(), "other".to_owned());
    Contender {
        node: NodeRef { namespace, name, uid: uid.to_owned() },
        created: Timestamp::UNIX_EPOCH,
        claims: Vec::new(),
        signing: Signing::Never,
        volume,
        pod: None,
    }
}

fn seen(rivals: Rivals, children: Vec<Found>) -> Observation {
    let bucket = Bucket { name: "b".into(), region: "r".into() };
    let mut seen = Observation::empty(Timestamp::UNIX_EPOCH, ResultExport { bucket, prefix: "p".into() });
    seen.left_behind = Some(Estate { rivals, children });
    seen
}

fn begun() -> SeiNodeStatus {
    let adopted = Some(AdoptionStatus { uid: OLD.into(), ..AdoptionStatus::default() });
    SeiNodeStatus { adopted, ..SeiNodeStatus::default() }
}

#[track_caller]
fn check_refused(next: Option<Next>, expected: &Refusal) {
    let Some(Next::Refused(found)) = next else { panic!("{next:?}") };
    assert_eq!(found, *expected);
}

#[track_caller]
fn check_in_use(next: Option<Next>, words: &str) {
    let Some(Next::Refused(Refusal::InUse(who))) = next else { panic!("{next:?}") };
    assert!(who.contains(words), "{who}");
}

#[test]
fn an_owner_reference_says_more_than_the_annotation() {
    let heritage = |controller, mark| Heritage::of(&subject("").node, OLD, &meta(controller, mark));
    for (controller, mark, expected) in [
        (Some(OLD), None, Heritage::Left),
        (Some(OLD), Some("uid-other"), Heritage::Left),
        (None, Some(OLD), Heritage::Left),
        (Some("uid-new"), Some(OLD), Heritage::Ours),
        (None, Some("uid-new"), Heritage::Ours),
        (Some("uid-other"), Some(OLD), Heritage::Foreign),
        (None, Some("uid-other"), Heritage::Foreign),
        (None, None, Heritage::Unmarked),
    ] {
        assert_eq!(heritage(controller, mark), expected, "{controller:?} {mark:?}");
    }
}

#[test]
fn the_volume_is_handed_over_last() {
    let all = [Child::StatefulSet, Child::Service, Child::Volume];
    let mut children: Vec<_> = all.map(|child| found(child, Heritage::Left)).into();
    for (at, child) in all.into_iter().enumerate() {
        let next = next(&subject(""), &begun(), &seen(Rivals::default(), children.clone()));
        assert_eq!(next, Some(Next::HandOver(child, format!("{child:?}"))));
        children[at].heritage = Heritage::Ours;
    }
    assert_eq!(next(&subject(""), &begun(), &seen(Rivals::default(), children)), Some(Next::Complete));
}

#[test]
fn a_child_without_a_mark_needs_a_volume_that_proves_it() {
    let set = found(Child::StatefulSet, Heritage::Unmarked);
    let of = |children| next(&subject(""), &SeiNodeStatus::default(), &seen(Rivals::default(), children));
    let proven = of(vec![set.clone(), found(Child::Volume, Heritage::Left)]);
    assert_eq!(proven, Some(Next::HandOver(Child::StatefulSet, "StatefulSet".into())));
    for volume in [Heritage::Foreign, Heritage::Unmarked] {
        check_refused(of(vec![set.clone(), found(Child::Volume, volume)]), &Refusal::NothingFound);
    }
    check_refused(of(vec![set]), &Refusal::NothingFound);
    check_refused(of(Vec::new()), &Refusal::NothingFound);
}

#[test]
fn nothing_of_a_living_node_is_taken() {
    let children = || vec![found(Child::Volume, Heritage::Left)];
    let nodes = vec![rival(OLD, Volume::Own("data-other".into()))];
    let rivals = Rivals { nodes, strays: Vec::new() };
    let next = next(&subject(""), &begun(), &seen(rivals, children()));
    check_refused(next, &Refusal::OwnerExists("sei/other".into()));
}

#[test]
fn a_volume_that_somebody_uses_is_not_taken() {
    let children = || vec![found(Child::Volume, Heritage::Left)];
    let importer = rival("uid-b", Volume::Imported("data-n0".into()));
    let rivals = Rivals { nodes: vec![importer], strays: Vec::new() };
    check_in_use(next(&subject(""), &begun(), &seen(rivals, children())), "SeiNode sei/other imports it");

    let uses = PodUse { volume: Some("data-n0".into()), ..PodUse::default() };
    let (namespace, key) = ("sei".to_owned(), StrayKey::NotRead);
    let stray = |kind, name: &str| Stray {
        kind,
        namespace: namespace.clone(),
        name: name.to_owned(),
        uses: uses.clone(),
        key,
    };
    let with = |stray| Rivals { nodes: Vec::new(), strays: vec![stray] };
    let pod = seen(with(stray("pod", "debug")), children());
    check_in_use(next(&subject(""), &begun(), &pod), "debug");
    // The StatefulSet that is handed over is what uses it.
    let own = seen(with(stray("StatefulSet", "n0")), children());
    assert_eq!(next(&subject(""), &begun(), &own), Some(Next::HandOver(Child::Volume, "Volume".into())));
}

#[test]
fn a_child_that_is_being_deleted_cannot_be_kept() {
    let going = Found { deletion: Deletion::Requested, ..found(Child::Volume, Heritage::Left) };
    let next = next(&subject(""), &begun(), &seen(Rivals::default(), vec![going]));
    check_refused(next, &Refusal::BeingDeleted(Child::Volume));
}

#[test]
fn an_importing_node_takes_all_but_the_volume() {
    let subject = subject(", dataVolume: {import: {pvcName: data-n0}}");
    let children = vec![found(Child::Service, Heritage::Left), found(Child::Volume, Heritage::Left)];
    let next = |children| next(&subject, &begun(), &seen(Rivals::default(), children));
    assert_eq!(next(children.clone()), Some(Next::HandOver(Child::Service, "Service".into())));
    assert_eq!(next(children[1..].to_vec()), Some(Next::Complete));
}

#[test]
fn a_node_that_runs_on_its_own_children_takes_nothing() {
    let running = SeiNodeStatus { phase: Some(Phase::Running), ..SeiNodeStatus::default() };
    let nothing_asked = Observation { left_behind: None, ..seen(Rivals::default(), Vec::new()) };
    check_refused(next(&subject(""), &running, &nothing_asked), &Refusal::AlreadyRunning);
    // One whose handover was cut off goes on with it.
    let cut_off = SeiNodeStatus { adopted: begun().adopted, ..running };
    assert_eq!(
        next(&subject(""), &cut_off, &nothing_asked),
        Some(Next::Fetch(Query::LeftBehind(OLD.into())))
    );
}

#[test]
fn a_handover_that_is_complete_is_not_begun_again() {
    let adopted = begun()
        .adopted
        .map(|record| AdoptionStatus { completed_at: Some(Time(Timestamp::UNIX_EPOCH)), ..record });
    let done = SeiNodeStatus { adopted, ..SeiNodeStatus::default() };
    assert_eq!(next(&subject(""), &done, &seen(Rivals::default(), Vec::new())), None);
}
