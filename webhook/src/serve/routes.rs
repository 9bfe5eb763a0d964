//! Which path leads to which endpoint.

use std::sync::Arc;

use axum::{Router, extract::Request, routing::post};
use http::StatusCode;

use super::desk::Desk;
use crate::endpoint::Endpoint;

/// The routes: a `POST` for each endpoint, and nothing else.
pub(super) fn routes(desk: &Arc<Desk>) -> Router {
    let nothing_else = || async { (StatusCode::NOT_FOUND, "this address has admission webhooks only\n") };
    Endpoint::ALL.into_iter().fold(Router::new().fallback(nothing_else), |routes, endpoint| {
        let desk = Arc::clone(desk);
        let answer = move |request: Request| async move { desk.answer(endpoint, request).await };
        routes.route(endpoint.path(), post(answer))
    })
}
