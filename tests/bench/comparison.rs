//! Comparison of the script and the operator, in rounds.

use futures::future::join_all;
use seinode_api::SeiNode;
use sidecar_sim::Sidecars;

use crate::{
    World,
    harness::{in_turns, label, ratio},
    operator::Operator,
    run::{self, Run, Start, median},
    script,
    testbed::Place,
    within,
};

/// Script and operator on one control plane.
pub struct Comparison {
    world: World,
    script: Place,
    place: Place,
    _operator: Operator,
}

impl Comparison {
    /// Makes a namespace for each, and starts the operator.
    pub async fn open(world: World) -> Self {
        let script = Place::make(&world, "yardstick-script").await;
        let place = Place::make(&world, "yardstick-operator").await;
        let operator = place.operator(&world).await;
        Self { world, script, place, _operator: operator }
    }

    /// The simulated sidecars.
    pub fn sidecars(&self) -> &Sidecars {
        &self.world.sidecars
    }

    /// Holds rounds with these nodes and returns how many times as long as the script the operator took.
    pub async fn hold(&self, title: &str, nodes: &[SeiNode], rounds: usize) -> f64 {
        run::head(title);
        let (mut by_hand, mut by_operator) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let (hand, operator) = in_turns(round, self.by_hand(nodes), self.by_operator(nodes)).await;
            hand.show(&label(round), "script");
            operator.show("", "operator");
            if round > 0 {
                by_hand.push(hand);
                by_operator.push(operator);
            }
        }
        let (hand, operator) = (median(&by_hand), median(&by_operator));
        hand.show("medians", "script");
        operator.show("", "operator");
        let ratio = ratio(operator.over, hand.over);
        println!("ratio {ratio:.2}");
        ratio
    }

    async fn by_hand(&self, nodes: &[SeiNode]) -> Run {
        let nodes = self.script.nodes(nodes);
        self.script.connect().await;
        let start = Start::now();
        let client = &self.script.client;
        let runs = nodes.iter().map(|node| script::bring_up(client, self.sidecars(), node, &nodes));
        within("the script ends", join_all(runs)).await;
        let run = start.end(self.sidecars(), &nodes);
        self.script.clear().await;
        run
    }

    async fn by_operator(&self, nodes: &[SeiNode]) -> Run {
        let run = self.place.bring_up(self.sidecars(), nodes, |_| true).await;
        self.place.clear().await;
        run
    }
}
