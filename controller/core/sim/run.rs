//! Runs a world until it rests, and checks what must hold then.

use crate::{
    invariants::{Violation, settled},
    objects::Key,
    troubles::{self, Trouble},
    world::{Order, World},
};

/// More steps than any run needs.
const MAX_STEPS: usize = 20_000;
/// Most times that people have to help: a volume that is deleted goes, and then a new one is asked for.
const MOST_HELP: usize = 5;

/// Runs a world until it rests.
///
/// # Errors
/// The invariant that is violated on the way.
pub fn settle(world: &mut World, order: Order) -> Result<(), Violation> {
    for _ in 0..MAX_STEPS {
        let Some(deed) = world.next(order) else { return Ok(()) };
        world.take(deed)?;
    }
    Err(Violation { invariant: "every run settles", message: format!("not in {MAX_STEPS} steps") })
}

/// Runs a world to its very end: it rests, what was wrong is lifted, it rests again, and stays as it is.
///
/// # Errors
/// The invariant that is violated on the way.
pub fn conclude(world: &mut World, order: Order, trouble: Option<(Trouble, &Key)>) -> Result<(), Violation> {
    settle(world, order)?;
    settled::hold(world)?;
    if let Some((trouble, node)) = trouble
        && trouble.lift(world, node)
    {
        settle(world, order)?;
        settled::hold(world)?;
    }
    for _ in 0..MOST_HELP {
        if !troubles::people_help(world) {
            break;
        }
        settle(world, order)?;
        settled::hold(world)?;
    }
    // What was remembered for ten minutes may be forgotten a day later.
    let effects = world.ledger.effects();
    world.let_a_day_pass();
    settle(world, order)?;
    let before = world.stirrings();
    world.let_a_day_pass();
    settle(world, order)?;
    match world.stirrings() == before && world.ledger.effects() == effects {
        true => settled::hold(world),
        false => Err(Violation {
            invariant: "after it has settled nothing more happens",
            message: "a day later something was done or written".into(),
        }),
    }
}
