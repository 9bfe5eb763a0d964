//! Moments of the lives of nodes: where a hostile object turns up.

use std::cell::RefCell;

use hostile::Choices;

use crate::{
    run::settle,
    scenarios::SCENARIOS,
    world::{Order, World},
};

/// Every so many steps of a life there is a moment.
const STEPS: usize = 7;
/// Most moments of a life.
const MOST: usize = 40;

thread_local! {
    /// The moments of each scenario, made once.
    static MOMENTS: RefCell<Vec<World>> = RefCell::new(SCENARIOS.iter().flat_map(|scenario| life(scenario.world())).collect());
}

fn life(mut world: World) -> Vec<World> {
    let mut moments = Vec::new();
    while moments.len() < MOST {
        moments.push(world.clone());
        for _ in 0..STEPS {
            let Some(deed) = world.next(Order::OperatorFirst) else { return moments };
            world.take(deed).unwrap();
        }
    }
    settle(&mut world, Order::OperatorFirst).unwrap();
    moments.push(world);
    moments
}

/// One of them.
pub fn moment(choices: &mut Choices<'_>) -> World {
    MOMENTS.with_borrow(|moments| choices.pick(moments).unwrap().clone())
}
