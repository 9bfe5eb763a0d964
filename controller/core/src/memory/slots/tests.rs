use super::*;

fn node(name: &str) -> NodeRef {
    NodeRef { namespace: "sei".into(), name: name.into(), uid: name.into() }
}

fn group() -> Group {
    Group { chain: "pacific-1".into(), mode: Some(ModeName::FullNode) }
}

fn asker(name: &str) -> Asker {
    Asker { node: node(name), group: group(), standing: Standing::Serves, held: Held::Nothing }
}

fn concurrent(concurrent: usize) -> Slots {
    Slots::new(RolloutPolicy { concurrent, ..RolloutPolicy::default() })
}

/// Slots of which this part of a chain may be down.
fn share(text: &str) -> Slots {
    Slots::new(RolloutPolicy { unavailable: text.parse().unwrap(), ..RolloutPolicy::default() })
}

/// A census of `were_up` nodes, of which these hold a slot and those are not Ready.
fn census(were_up: usize, holders: &[&str], unready: &[&str]) -> Census {
    Census {
        holders: holders.iter().map(|name| (node(name), group())).collect(),
        unready: unready.iter().map(|name| node(name)).collect(),
        were_up,
        is_suspect: false,
    }
}

#[track_caller]
fn refused(slot: Slot, words: &[&str]) {
    let Slot::Taken(told) = slot else { panic!("{slot:?}") };
    for word in words {
        assert!(told.contains(word), "{word:?} is missing in {told:?}");
    }
}

#[test]
fn a_slot_is_held_from_the_grant_until_it_is_given_back() {
    let mut slots = concurrent(1);
    assert_eq!(slots.take(&asker("a"), &Census::default()), Slot::Granted);
    refused(slots.take(&asker("b"), &Census::default()), &["taken by sei/a", "SlotHeld"]);
    assert!(slots.reconciled(&node("a"), true).is_empty());
    refused(slots.take(&asker("b"), &census(2, &["a"], &[])), &["sei/a"]);
    assert_eq!(slots.reconciled(&node("a"), false), [node("b")], "the waiting node looks again");
    assert_eq!(slots.take(&asker("b"), &census(2, &[], &[])), Slot::Granted);
}

#[test]
fn a_node_that_is_gone_gives_its_slot_back() {
    let mut slots = concurrent(1);
    slots.take(&asker("a"), &Census::default());
    slots.take(&asker("b"), &Census::default());
    assert_eq!(slots.forget(&NodeName::from(&node("a"))), [node("b")]);
    assert_eq!(slots.take(&asker("b"), &Census::default()), Slot::Granted);
}

#[test]
fn without_a_limit_every_node_gets_a_slot() {
    let mut slots = Slots::new(RolloutPolicy::default());
    for name in ["a", "b", "c"] {
        // Nobody has counted anything then.
        assert_eq!(slots.take(&asker(name), &Census::default()), Slot::Granted);
    }
    let mut slots = concurrent(3);
    for name in ["a", "b", "c"] {
        assert_eq!(slots.take(&asker(name), &Census::default()), Slot::Granted, "a chain has no limit");
    }
}

#[test]
fn a_part_of_a_chain_may_be_down_and_no_more() {
    let mut slots = share("25%");
    assert_eq!(slots.take(&asker("a"), &census(8, &[], &[])), Slot::Granted);
    assert_eq!(slots.take(&asker("b"), &census(8, &["a"], &[])), Slot::Granted);
    refused(
        slots.take(&asker("c"), &census(8, &["a", "b"], &[])),
        &["of 8 nodes", "pacific-1", "sei/a, sei/b"],
    );
    let other = Asker { group: Group { chain: "atlantic-2".into(), ..group() }, ..asker("d") };
    assert_eq!(slots.take(&other, &census(1, &["a", "b"], &[])), Slot::Granted, "another chain");
}

#[test]
fn a_node_that_is_not_ready_costs_one() {
    let mut slots = share("1");
    refused(slots.take(&asker("b"), &census(4, &[], &["a"])), &["not Ready: sei/a"]);
    assert_eq!(slots.reconciled(&node("a"), false), [node("b")], "it has become Ready");
    let unready = Asker { standing: Standing::NotReady, ..asker("a") };
    assert_eq!(slots.take(&unready, &census(4, &[], &["a", "c"])), Slot::Granted, "it is counted already");
    refused(slots.take(&Asker { node: node("c"), ..unready }, &census(4, &["a"], &["c"])), &["sei/a"]);
}

#[test]
fn a_node_that_is_surely_down_needs_no_slot() {
    for standing in [Standing::Absent, Standing::Crashing] {
        let down = Asker { standing, ..asker("b") };
        assert_eq!(share("1").take(&down, &census(4, &["a"], &["c"])), Slot::NotNeeded);
        assert_eq!(concurrent(1).take(&down, &census(4, &["a"], &[])), Slot::NotNeeded);
        let suspect = Census { is_suspect: true, ..census(4, &["a"], &[]) };
        refused(share("1").take(&down, &suspect), &["sei/a"]);
    }
}

#[test]
fn the_newest_spec_of_a_holder_wins_at_once() {
    let crowd = census(4, &["a", "b"], &["c"]);
    for standing in [Standing::Serves, Standing::NotReady, Standing::Crashing] {
        let holder = Asker { standing, held: Held::EarlierTarget, ..asker("a") };
        assert_eq!(share("1").take(&holder, &crowd), Slot::Granted, "{standing:?}");
    }
    let absent = Asker { standing: Standing::Absent, held: Held::EarlierTarget, ..asker("a") };
    assert_eq!(share("1").take(&absent, &crowd), Slot::NotNeeded, "nobody waits for a dead machine");
    let retried = Asker { held: Held::ThisTarget, ..absent };
    assert_eq!(share("1").take(&retried, &crowd), Slot::Granted, "its slot for this target stays");
}

#[test]
fn one_waiting_node_is_woken_and_passes_the_word_on() {
    let mut slots = concurrent(2);
    for name in ["a", "b"] {
        slots.take(&asker(name), &Census::default());
        slots.reconciled(&node(name), true);
    }
    let full = census(5, &["a", "b"], &[]);
    for name in ["c", "d", "e"] {
        refused(slots.take(&asker(name), &full), &["sei/a, sei/b"]);
        assert_eq!(slots.reconciled(&node(name), false), []);
    }
    assert_eq!(slots.reconciled(&node("a"), false), [node("c")]);
    // It changed its mind meanwhile.
    assert_eq!(slots.reconciled(&node("c"), false), [node("d")]);
    assert_eq!(slots.take(&asker("d"), &census(5, &["b"], &[])), Slot::Granted);
    assert_eq!(slots.reconciled(&node("d"), true), [node("e")], "there may be another slot");
    refused(slots.take(&asker("e"), &census(5, &["b", "d"], &[])), &["sei/b, sei/d"]);
    assert_eq!(slots.reconciled(&node("e"), false), [], "there was none");
    assert_eq!(slots.reconciled(&node("b"), false), [node("e")]);
}
