//! The charts: what they render is taken by a real API server, what is wrong with values is refused, the rights that they
//! grant are those that are used, the operator runs as they say, and what
//! is monitored is there.

mod alerts;
mod dashboards;
mod exposition;
mod installed;
mod monitored;
mod promql;
mod rendered;
mod rights;
mod series;

pub use self::{
    alerts::*, dashboards::dashboards_can_be_read_and_every_panel_is_explained, installed::*, monitored::*,
    rendered::*, rights::*, series::*,
};
