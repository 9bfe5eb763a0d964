//! The process's own HTTP endpoints: health on one address, metrics on another. Plain HTTP, read only.
//!
//! They answer from memory and never ask the API server, so that a probe cannot fail because something else does.

pub mod bind;
mod health;
mod metrics;
mod process;
mod serve;

pub use self::{
    health::routes as health_routes,
    metrics::{registry, routes as metrics_routes},
    serve::serve,
};
