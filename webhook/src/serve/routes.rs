//! Routes from paths to endpoints.

use std::sync::Arc;

use axum::{Extension, Router, extract::Request, routing::post};
use http::StatusCode;

use super::{connections::Slot, handler::Handler};
use crate::endpoint::Endpoint;

/// The routes: a `POST` for each endpoint, and nothing else.
pub(super) fn routes(handler: &Arc<Handler>) -> Router {
    let not_found = || async { (StatusCode::NOT_FOUND, "this address has admission webhooks only\n") };
    Endpoint::ALL.into_iter().fold(Router::new().fallback(not_found), |routes, endpoint| {
        let handler = Arc::clone(handler);
        let respond = move |Extension(slot): Extension<Slot>, request: Request| async move {
            handler.respond(endpoint, request, &slot).await
        };
        routes.route(endpoint.path(), post(respond))
    })
}
