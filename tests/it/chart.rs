//! The charts: a real API server accepts what they render, wrong values are refused, the granted rights are those that are
//! used, the operator runs as the Deployment says, and alerts and dashboards query series that exist.

mod alerts;
mod certificates;
mod dashboards;
mod exposition;
mod installed;
mod monitored;
mod overlap;
mod promql;
mod rendered;
mod rights;
mod said;
mod series;
mod tested;
mod upgraded;
