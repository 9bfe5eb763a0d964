//! Years, undisturbed and disturbed by everything at random.

use std::{collections::BTreeSet, time::Duration};

use super::{
    replica::Skew,
    run::{Run, leisurely, signer},
};
use crate::{
    rotation::Content,
    tests::fixtures::{DAY, HOUR},
};

#[test]
fn three_undisturbed_years_pass_without_a_gap() {
    for seed in 0..2 {
        let mut run = Run::new(leisurely(), seed);
        let mut signers = BTreeSet::new();
        for _ in 0..36 {
            run.pass(30 * DAY);
            signers.insert(signer(&run));
        }
        run.settled();
        assert!((4..=5).contains(&signers.len()), "one authority in eight months: {}", signers.len());
        let (Content::Sound(stored), _) = run.world.secret() else { panic!() };
        assert!(stored.bundle().iter().count() <= 2, "what is retired goes in the end");
    }
}

#[test]
fn years_with_faults_pass_without_a_gap() {
    for seed in 0..12 {
        let mut run = Run::new(leisurely(), seed);
        for _ in 0..500 {
            disturb(&mut run);
            run.pass_time();
        }
        run.replicas.iter_mut().for_each(|replica| replica.skew = Skew::default());
        run.pass(10 * DAY);
        run.settled();
    }
}

/// One of the things that happen to a cluster, or none.
fn disturb(run: &mut Run) {
    let which = usize::try_from(run.lots.below(2)).unwrap();
    let days = u32::try_from(1 + run.lots.below(3)).unwrap();
    match run.lots.below(60) {
        0 => run.world.delete_secret(),
        1 => {
            let part = run.lots.below(5);
            run.world.corrupt_secret(part);
        }
        2 => run.world.wipe(which),
        3 | 4 => run.restart(which),
        5 => run.replicas[which].skew = Skew { ahead: days * DAY, behind: Duration::ZERO },
        6 => run.replicas[which].skew = Skew { ahead: Duration::ZERO, behind: days * HOUR },
        7 => run.replicas[which].skew = Skew { ahead: Duration::ZERO, behind: days * DAY },
        8..=12 => run.replicas[which].skew = Skew::default(),
        // The machines sleep, all of them.
        13 => run.world.now += days * 10 * DAY,
        14 if run.lots.once_in(4) => run.world.now += 400 * DAY,
        _ => return,
    }
    run.notify_all();
}
