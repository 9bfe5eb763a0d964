//! The guardrails through a real API server: the chart's configurations and policies, the real binary behind them, and
//! people with kubectl in front.

mod agreement;
mod down;
mod examples;
mod generated;
mod kubectl;
mod nodes;
mod sets;
mod setup;
mod side_doors;
mod wording;
