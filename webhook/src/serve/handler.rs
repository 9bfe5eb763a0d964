//! One request: receives its body and has it reviewed, within its deadline.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use axum::{extract::Request, response::IntoResponse};
use http::{StatusCode, header::CONTENT_TYPE};
use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::{
    body::{self, Unread, Waiting},
    budget::{Budget, Share},
    connections::Slot,
    limits::Limits,
    state::Phase,
};
use crate::{endpoint::Endpoint, metrics::Metrics, review::Response};

/// Reviews the body of a request. Pure: it may take its time, but waits for nothing.
pub type Reviewer = Arc<dyn Fn(Endpoint, &[u8]) -> Response + Send + Sync>;

/// Handles requests.
pub(super) struct Handler {
    reviewer: Reviewer,
    limits: Limits,
    metrics: Metrics,
    large: Budget,
    waiting: Waiting,
    /// Permits for [`Limits::pool`].
    pool: Arc<Semaphore>,
}

/// Reasons why a request was not reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rejection {
    Busy,
    Slow,
    Late,
    TooLarge,
    Broken,
    Panicked,
}

impl Handler {
    pub(super) fn new(reviewer: Reviewer, limits: &Limits, metrics: Metrics) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let pool = cores.saturating_sub(1).min(limits.pool).max(1);
        Self {
            reviewer,
            limits: limits.clone(),
            metrics,
            large: Budget::new(limits.large),
            waiting: Waiting::default(),
            pool: Arc::new(Semaphore::new(pool)),
        }
    }

    /// Responds to a request, whatever comes of it.
    pub(super) async fn respond(
        &self,
        endpoint: Endpoint,
        request: Request,
        slot: &Slot,
    ) -> axum::response::Response {
        let call = self.metrics.begin(endpoint);
        match self.review(endpoint, request, slot).await {
            Ok(response) => {
                call.reviewed(&response);
                write(response)
            }
            Err(rejection) => {
                match rejection {
                    Rejection::Busy => self.metrics.shed(),
                    Rejection::Panicked => self.metrics.panicked(),
                    Rejection::Slow | Rejection::Late | Rejection::TooLarge | Rejection::Broken => {}
                }
                call.rejected(rejection.status());
                self.reject(rejection)
            }
        }
    }

    async fn review(&self, endpoint: Endpoint, request: Request, slot: &Slot) -> Result<Response, Rejection> {
        let now = Instant::now();
        let until = now.checked_add(deadline(request.uri().query(), self.limits.deadline)).unwrap_or(now);
        let share = self.large.open(now);
        let receiving = body::receive(request.into_body(), &self.limits, &self.waiting, &share, slot);
        let received = timeout_at(until, receiving).await.map_err(|_| Rejection::Slow)?;
        let body = received.map_err(|unread| match unread {
            Unread::TooLarge => Rejection::TooLarge,
            Unread::Broken => Rejection::Broken,
            Unread::Late => Rejection::Slow,
            Unread::Evicted => Rejection::Busy,
        })?;
        slot.state.enter(Phase::Busy);
        share.complete();
        if body.len() <= self.limits.inline {
            return review(&self.reviewer, endpoint, &body);
        }
        let pooled = self.on_the_pool(endpoint, body, share);
        timeout_at(until, pooled).await.map_err(|_| Rejection::Late)?
    }

    /// Reviews a large body on the blocking pool. That cannot be interrupted: the body keeps its share to the end, also when
    /// nobody waits any more.
    async fn on_the_pool(
        &self,
        endpoint: Endpoint,
        body: Vec<u8>,
        share: Share,
    ) -> Result<Response, Rejection> {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.pool).acquire_owned().await.map_err(|_| Rejection::Busy)?;
        let reviewer = Arc::clone(&self.reviewer);
        let reviewed = spawn_blocking(move || {
            let response = review(&reviewer, endpoint, &body);
            drop((body, share, permit));
            response
        });
        reviewed.await.unwrap_or(Err(Rejection::Panicked))
    }

    fn reject(&self, rejection: Rejection) -> axum::response::Response {
        let message = match rejection {
            Rejection::Busy => "too many requests are under way; send this one again\n".to_owned(),
            Rejection::Slow => "the body did not arrive in time\n".to_owned(),
            Rejection::Late => "the review took too long\n".to_owned(),
            Rejection::TooLarge => format!(
                "the body is larger than {} KiB, which no object and its old state can be\n",
                self.limits.body >> 10
            ),
            Rejection::Broken => "the body cannot be read\n".to_owned(),
            Rejection::Panicked => "the review panicked, which is a defect of seinode-operator\n".to_owned(),
        };
        (rejection.status(), message).into_response()
    }
}

impl Rejection {
    fn status(self) -> StatusCode {
        match self {
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A panic is the end of one request. The reviewer keeps nothing between two of them, so nothing is left half done.
fn review(reviewer: &Reviewer, endpoint: Endpoint, body: &[u8]) -> Result<Response, Rejection> {
    catch_unwind(AssertUnwindSafe(|| reviewer(endpoint, body))).map_err(|_| {
        tracing::error!(endpoint = endpoint.name(), "a review panicked, which is a defect");
        Rejection::Panicked
    })
}

fn write(response: Response) -> axum::response::Response {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/json")], response.body).into_response()
}

/// Nine tenths of the time that the API server waits, which it sends in the query in whole seconds; `longest` at most.
fn deadline(query: Option<&str>, longest: Duration) -> Duration {
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    let sent = pairs.filter_map(|pair| pair.strip_prefix("timeout=")?.strip_suffix('s')?.parse().ok()).next();
    sent.map_or(longest, |seconds: u32| {
        Duration::from_millis(u64::from(seconds).saturating_mul(900)).min(longest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_is_shorter_than_the_api_server_waits() {
        let check = |query, millis| {
            let longest = Limits::default().deadline;
            assert_eq!(deadline(query, longest), Duration::from_millis(millis), "{query:?}");
        };
        check(Some("timeout=1s"), 900);
        check(Some("a=b&timeout=2s"), 1800);
        check(Some("timeout=3s"), 2700);
        check(Some("timeout=30s"), 2700);
        check(Some("timeout=soon"), 2700);
        check(Some("timeout=-1s"), 2700);
        check(None, 2700);
    }
}
