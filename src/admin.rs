//! The process's own HTTP endpoints: health on one address, metrics on another. Read only.
//!
//! Health is answered from memory and never asks the API server, so that a probe cannot fail because something else
//! does. Metrics are plain HTTP for everybody, or HTTPS for those whom the API server allows.

mod access;
pub mod bind;
mod connections;
pub mod descriptors;
mod exposition;
mod health;
mod metrics;
mod process;
mod serve;
mod transport;

pub use self::{
    access::Access,
    health::routes as health_routes,
    metrics::{registry, routes as metrics_routes},
    serve::{Limits, serve},
    transport::Transport,
};
