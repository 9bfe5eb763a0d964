//! Winners of things that several nodes want.

use super::*;

const KEY: &str = "6f2c9f1e-0000-5000-8000-000000000001";
const OTHER_KEY: &str = "6f2c9f1e-0000-5000-8000-000000000002";

fn key(text: &str) -> Resource {
    Resource::SigningKey(Fingerprint::parse(text).unwrap())
}

fn node(namespace: &str, name: &str) -> NodeRef {
    NodeRef { namespace: namespace.into(), name: name.into(), uid: format!("uid-{name}") }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A node without anything, created at a second.
fn rival(name: &str, second: i64) -> Contender {
    Contender {
        node: node("sei", name),
        created: at(second),
        claims: vec![],
        signing: Signing::Never,
        volume: DataVolume::Own(format!("data-{name}")),
        pod: None,
    }
}

fn claims(resource: &Resource, hold: Hold) -> Vec<Claim> {
    vec![Claim { resource: resource.clone(), hold }]
}

fn stray(namespace: &str, secret: &str, key: StrayKey) -> Rivals {
    let uses = PodUse { signing_secret: Some(secret.into()), copied: None, volume: Some("data-gone".into()) };
    let stray = Stray { kind: "pod", namespace: namespace.into(), name: "gone-0".into(), uses, key };
    Rivals { nodes: vec![], strays: vec![stray] }
}

/// Checks that a bid waits for a younger node that wants the same.
#[track_caller]
fn yielded(resource: &Resource, rivals: &Rivals) {
    let me = node("sei", "me");
    let bid = Bid { node: &me, created: at(100), signing_secret: None, file: None, resource };
    let contest = bid.against(rivals);
    assert!(matches!(contest, Contest::Yielded(_)), "{contest:?}");
}

/// Node `sei/me`, created at second 100, with Secret `consensus`, wants a thing: who keeps it from taking it?
#[track_caller]
fn check(resource: &Resource, rivals: &Rivals, expected: Option<&str>) {
    let me = node("sei", "me");
    let file = Some(Digest::of(b"mine"));
    let bid = Bid { node: &me, created: at(100), signing_secret: Some("consensus"), file, resource };
    match (bid.against(rivals), expected) {
        (Contest::Free, None) => {}
        (Contest::Taken(words), Some(part)) => assert!(words.contains(part), "{words}"),
        (contest, expected) => panic!("{contest:?}, expected {expected:?}"),
    }
}

fn one(node: Contender) -> Rivals {
    Rivals { nodes: vec![node], strays: vec![] }
}

#[test]
fn what_is_held_stays_with_its_holder_however_young_and_wherever() {
    for second in [1, 200] {
        let mut holder = Contender { claims: claims(&key(KEY), Hold::Held), ..rival("other", second) };
        check(&key(KEY), &one(holder.clone()), Some("SeiNode sei/other holds it; delete that node"));
        holder.node.namespace = "elsewhere".into();
        check(&key(KEY), &one(holder.clone()), Some("SeiNode elsewhere/other holds it"));
        check(&key(OTHER_KEY), &one(holder), None);
    }
}

#[test]
fn of_two_that_only_want_it_the_older_one_gets_it_and_the_younger_is_waited_for() {
    let wants = |second| Contender { claims: claims(&key(KEY), Hold::Wanted), ..rival("other", second) };
    check(&key(KEY), &one(wants(99)), Some("is older and wants it too"));
    yielded(&key(KEY), &one(wants(101)));
    // In the same second the smaller UID is the older one: "uid-a" < "uid-me" < "uid-z".
    let same_second = |name| Contender { node: node("sei", name), ..wants(100) };
    check(&key(KEY), &one(same_second("a")), Some("is older"));
    yielded(&key(KEY), &one(same_second("z")));
}

#[test]
fn a_key_that_nobody_looked_at_counts_as_this_one_where_it_may_be() {
    let unexamined = |second| Contender { signing: Signing::Unexamined, ..rival("other", second) };
    check(&key(KEY), &one(unexamined(99)), Some("is older and its key was not examined yet"));
    check(&key(KEY), &one(unexamined(101)), None);
    let pod = PodUse { signing_secret: Some("s".into()), ..PodUse::default() };
    let runs = Contender { pod: Some(pod), ..unexamined(101) };
    check(&key(KEY), &one(runs), Some("signs with a key that was not examined yet"));
    let examined = Contender { signing: Signing::Examined, ..rival("other", 1) };
    check(&key(KEY), &one(examined), None);
}

#[test]
fn a_pod_without_node_keeps_its_key_until_it_is_gone_and_an_unknown_key_counts() {
    let this = Fingerprint::parse(KEY).unwrap();
    let other = Fingerprint::parse(OTHER_KEY).unwrap();
    check(&key(KEY), &stray("sei", "consensus", StrayKey::NotRead), Some("pod sei/gone-0 still uses it"));
    check(&key(KEY), &stray("sei", "other", StrayKey::NotRead), None);
    check(&key(KEY), &stray("b", "consensus", StrayKey::Is(other)), None);
    check(&key(KEY), &stray("b", "consensus", StrayKey::Is(this)), Some("pod b/gone-0 still uses it"));
    check(&key(KEY), &stray("b", "x", StrayKey::Unknown), Some("cannot be told: its Secret x"));
}

#[test]
fn a_pod_that_copied_the_key_has_it_whatever_its_secret_holds_now() {
    let copied = |file: &str| PodUse {
        signing_secret: Some("s".into()),
        copied: Some(Digest::of(file.as_bytes())),
        volume: None,
    };
    for second in [1, 200] {
        let examined = Contender {
            signing: Signing::Examined,
            claims: claims(&key(OTHER_KEY), Hold::Held),
            ..rival("other", second)
        };
        let with = |file| one(Contender { pod: Some(copied(file)), ..examined.clone() });
        check(&key(KEY), &with("mine"), Some("the pod of SeiNode sei/other copied it"));
        check(&key(KEY), &with("theirs"), None);
        check(&Resource::Volume("history".into()), &with("mine"), None);
    }
    let other = StrayKey::Is(Fingerprint::parse(OTHER_KEY).unwrap());
    let mut gone = stray("b", "s", other);
    check(&key(KEY), &gone, None);
    gone.strays[0].uses = copied("mine");
    check(&key(KEY), &gone, Some("pod b/gone-0 still uses it"));
}

#[test]
fn a_volume_is_contested_in_its_own_namespace_only() {
    let volume = Resource::Volume("history".into());
    let imports =
        |second| Contender { volume: DataVolume::Imported("history".into()), ..rival("other", second) };
    check(&volume, &one(imports(99)), Some("SeiNode sei/other imports it"));
    check(&volume, &one(imports(101)), None);
    let pod = PodUse { volume: Some("history".into()), ..PodUse::default() };
    check(&volume, &one(Contender { pod: Some(pod), ..imports(101) }), Some("imports it"));
    let held = Contender { claims: claims(&volume, Hold::Held), ..imports(101) };
    check(&volume, &one(held.clone()), Some("holds it"));
    let elsewhere = Contender { node: node("b", "other"), ..held };
    check(&volume, &one(elsewhere), None);
    check(
        &Resource::Volume("data-other".into()),
        &one(rival("other", 101)),
        Some("the data volume of SeiNode"),
    );
    check(&Resource::Volume("data-gone".into()), &stray("sei", "s", StrayKey::NotRead), Some("gone-0"));
    check(&Resource::Volume("data-gone".into()), &stray("b", "s", StrayKey::NotRead), None);
}

#[test]
fn of_two_that_hold_it_both_are_told() {
    let me = node("sei", "me");
    let resource = key(KEY);
    let bid = Bid { node: &me, created: at(100), signing_secret: None, file: None, resource: &resource };
    let holder = |second| one(Contender { claims: claims(&resource, Hold::Held), ..rival("other", second) });
    assert!(bid.disputed(&holder(99)).unwrap().contains("SeiNode sei/other is older"));
    assert!(bid.disputed(&holder(101)).unwrap().contains("SeiNode sei/other is younger"));
    assert_eq!(bid.disputed(&one(rival("other", 99))), None);
}

#[test]
fn claims_are_read_back_as_they_were_written_and_there_is_one_of_a_kind() {
    let volume = Resource::Volume("v".into());
    let wanted = read(&with(&[], &key(KEY), Hold::Wanted));
    let both = read(&with(&wanted, &volume, Hold::Held));
    assert_eq!(hold(&both, &key(KEY)), Some(Hold::Wanted));
    assert_eq!(hold(&both, &volume), Some(Hold::Held));
    let replaced = read(&with(&both, &key(OTHER_KEY), Hold::Held));
    assert_eq!((hold(&replaced, &key(KEY)), replaced.len()), (None, 2));
    let mut stored = with(&both, &volume, Hold::Held);
    let_go(&mut stored);
    assert_eq!(read(&stored), claims(&volume, Hold::Held));
    let foreign = ClaimStatus { resource: "moon".into(), ..both[0].write() };
    assert_eq!(read(&[foreign]), []);
}
