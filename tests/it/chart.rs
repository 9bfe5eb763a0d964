//! The charts: what they render is taken by a real API server, what is wrong with values is refused, the rights that they
//! grant are those that are used, the operator runs as they say, and what
//! is monitored is there.

mod alerts;
mod certificates;
mod dashboards;
mod exposition;
mod installed;
mod monitored;
mod promql;
mod rendered;
mod rights;
mod said;
mod series;
mod tested;
mod upgraded;

pub use self::{
    alerts::*, certificates::*, dashboards::dashboards_can_be_read_and_every_panel_is_explained,
    installed::*, monitored::*, rendered::*, rights::*, said::*, series::*, tested::*, upgraded::*,
};
