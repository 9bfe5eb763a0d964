//! The charts: a real API server accepts what they render, wrong values are refused, the granted rights are those that are
//! used, the operator runs as the Deployment says, and alerts and dashboards query series that exist.

mod alerts;
mod certificates;
mod dashboards;
mod deletions;
mod exposition;
mod helm_test;
mod installed;
mod monitored;
mod notes;
mod overlap;
mod promql;
mod rbac;
mod rendered;
mod series;
mod upgraded;
