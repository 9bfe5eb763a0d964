//! The scenarios that the attribute registered, and the order in which they begin.

use libtest_mimic::Failed;

use crate::{Body, Fixture};

/// Makes the body of a scenario, or says why this program cannot run it.
type MakeBody = fn(Fixture) -> Result<Body, Failed>;

/// A registered scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    path: &'static str,
    function: &'static str,
    pub(crate) body: MakeBody,
    pub(crate) order: Order,
    pub(crate) tier: Tier,
}

/// Turn of a scenario. Within one order it is alphabetical.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    First,
    Any,
    Last,
}

/// Command that runs a scenario.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// `cargo test`.
    Normal,
    /// `cargo prove`, as an ignored test.
    Exhaustive,
}

inventory::collect!(Scenario);

impl Scenario {
    /// A scenario in the module at `path`, as `module_path!` gives it.
    #[must_use]
    pub const fn new(path: &'static str, function: &'static str, body: MakeBody) -> Self {
        Self { path, function, body, order: Order::Any, tier: Tier::Normal }
    }

    /// Begins before others: it takes long, and the others fill the time.
    #[must_use]
    pub const fn first(self) -> Self {
        Self { order: Order::First, ..self }
    }

    /// Begins after all others: it leaves the fixture unusable.
    #[must_use]
    pub const fn last(self) -> Self {
        Self { order: Order::Last, ..self }
    }

    /// Runs only with `--ignored` or `--include-ignored`.
    #[must_use]
    pub const fn exhaustive(self) -> Self {
        Self { tier: Tier::Exhaustive, ..self }
    }

    /// `module::function`, by the first module of the program.
    pub(crate) fn name(&self) -> String {
        match self.path.split("::").nth(1) {
            Some(module) => format!("{module}::{}", self.function),
            None => self.function.to_owned(),
        }
    }
}

/// All scenarios of this program in the order in which they begin.
pub(crate) fn all() -> Vec<Scenario> {
    let mut all: Vec<_> = inventory::iter::<Scenario>().copied().collect();
    all.sort_by_key(|scenario| (scenario.order, scenario.name()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Scenario =
        Scenario::new("it::chart::alerts", "every_alert_fires", |_| Ok(Body::blocking(|| ())));

    #[test]
    fn a_name_has_the_first_module_and_the_function() {
        assert_eq!(HERE.name(), "chart::every_alert_fires");
        assert_eq!(Scenario { path: "it", ..HERE }.name(), "every_alert_fires");
    }

    #[test]
    fn options_set_order_and_tier() {
        assert!(HERE.first().order < HERE.order && HERE.order < HERE.last().order);
        assert!(HERE.tier == Tier::Normal && HERE.exhaustive().tier == Tier::Exhaustive);
    }
}
