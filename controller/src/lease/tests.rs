mod given;
mod walk;

use std::time::Duration;

use self::given::{Lab, SECOND};
use super::{
    candidate::{Deposed, Standing},
    record::Written,
};

#[test]
fn who_comes_first_makes_the_lease_and_the_other_follows() {
    let mut lab = Lab::new();
    assert!(lab.round("a") && lab.leads("a"));
    assert!(lab.round("b") && !lab.leads("b"), "a lease that is held is only looked at");
    assert_eq!(lab.holder(), "a");
    assert_eq!(lab.transitions(), 0);
}

#[test]
fn a_lease_is_taken_over_when_it_was_seen_unchanged_for_as_long_as_it_says() {
    let mut lab = Lab::new();
    lab.round("a");
    lab.round("b");
    lab.pass(Duration::from_millis(14_900));
    lab.round("b");
    assert!(!lab.leads("b"), "it was seen unchanged for 14.9 s only");
    lab.pass(Duration::from_millis(200));
    assert!(!lab.leads("a"), "it stopped five seconds earlier");
    lab.round("b");
    assert!(lab.leads("b"));
    assert_eq!((lab.holder(), lab.transitions()), ("b".to_owned(), 1));
}

#[test]
fn what_the_wall_clock_says_does_not_matter() {
    let mut lab = Lab::new();
    lab.wall("a", "1999-12-31T00:00:00Z");
    lab.wall("b", "2099-01-01T00:00:00Z");
    lab.round("a");
    lab.round("b");
    assert!(!lab.leads("b"), "by its own wall clock the lease is a century old");
    for _ in 0..20 {
        lab.pass(2 * SECOND);
        lab.round("a");
        lab.round("b");
    }
    assert!(lab.leads("a") && !lab.leads("b"));
}

#[test]
fn a_leader_that_stood_still_does_not_lead_when_it_wakes() {
    let mut lab = Lab::new();
    lab.round("a");
    lab.pass(30 * SECOND);
    let late = Deposed::Late(10 * SECOND);
    assert_eq!(lab.standing("a"), Standing::Deposed(late));
}

#[test]
fn a_leader_counts_from_before_its_write_was_sent() {
    let mut lab = Lab::new();
    lab.round("a");
    lab.pass(2 * SECOND);
    let renewal = lab.renewal("a");
    let sent = lab.now();
    let written = lab.write(&renewal);
    lab.pass(9 * SECOND);
    lab.answer("a", &renewal, written, sent);
    assert!(lab.leads("a"));
    lab.pass(SECOND);
    assert!(!lab.leads("a"), "the answer took nine seconds: they count");
}

#[test]
fn a_write_whose_answer_was_lost_counts_only_when_it_is_repeated() {
    let mut lab = Lab::new();
    let first = lab.look("a").expect("there is no lease yet");
    lab.doubt("a");
    assert!(matches!(lab.write(&first), Written::Stored(_)));
    assert!(!lab.leads("a"), "the answer did not come");
    assert!(lab.round("a") && lab.leads("a"));
    assert_eq!(lab.transitions(), 0);
}

#[test]
fn a_leader_that_finds_another_name_in_the_lease_is_deposed_for_good() {
    let mut lab = Lab::new();
    lab.round("a");
    lab.somebody_writes("a person");
    lab.round("a");
    lab.round("a");
    assert_eq!(lab.standing("a"), Standing::Deposed(Deposed::Taken("a person".into())));
    lab.somebody_writes("");
    lab.round("a");
    assert!(!lab.leads("a"));
}

#[test]
fn a_lease_that_was_released_is_free_at_once() {
    let mut lab = Lab::new();
    lab.round("a");
    lab.round("b");
    lab.leave("a");
    assert_eq!(lab.holder(), "");
    lab.round("b");
    assert!(lab.leads("b"));
}

#[test]
fn a_lease_that_somebody_deleted_is_still_its_holders() {
    let mut lab = Lab::new();
    lab.round("a");
    lab.round("b");
    lab.somebody_deletes();
    lab.round("b");
    assert!(!lab.leads("b"), "its holder may not know yet");
    lab.pass(2 * SECOND);
    lab.round("a");
    lab.round("a");
    assert!(lab.leads("a"));
    assert_eq!(lab.holder(), "a");
}
