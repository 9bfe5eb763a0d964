//! One request: takes its share of the work, reads it, has it judged, all within its deadline.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::CONTENT_TYPE};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::{
    body::{self, Unread},
    limits::Limits,
};
use crate::{endpoint::Endpoint, metrics::Metrics, review::Answer};

/// What judges the body of a request. Pure: it may take its time, but waits for nothing.
pub type Judge = Arc<dyn Fn(Endpoint, &[u8]) -> Answer + Send + Sync>;

/// Where requests are taken.
pub(super) struct Desk {
    judge: Judge,
    limits: Limits,
    metrics: Metrics,
    /// Shares of [`Limits::work`].
    work: Arc<Semaphore>,
    /// Large bodies that may be judged at once: a core is left for the others, where there are several.
    aside: Arc<Semaphore>,
}

/// Why a request was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Busy,
    Slow,
    Late,
    TooLarge,
    Broken,
    Panicked,
}

impl Desk {
    pub(super) fn new(judge: Judge, limits: &Limits, metrics: Metrics) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            judge,
            limits: limits.clone(),
            metrics,
            work: Arc::new(Semaphore::new(shares(limits.work))),
            aside: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
        }
    }

    /// Answers a request, whatever comes of it.
    pub(super) async fn answer(&self, endpoint: Endpoint, request: Request) -> Response {
        let call = self.metrics.begin(endpoint);
        match self.judged(endpoint, request).await {
            Ok(answer) => {
                call.answered(&answer);
                written(answer)
            }
            Err(refusal) => {
                match refusal {
                    Refusal::Busy => self.metrics.shed(),
                    Refusal::Panicked => self.metrics.panicked(),
                    Refusal::Slow | Refusal::Late | Refusal::TooLarge | Refusal::Broken => {}
                }
                call.refused(refusal.status());
                self.refuse(refusal)
            }
        }
    }

    async fn judged(&self, endpoint: Endpoint, request: Request) -> Result<Answer, Refusal> {
        let until = Instant::now() + deadline(request.uri().query(), self.limits.deadline);
        let body = request.into_body();
        let size = body::announced(&body).unwrap_or(self.limits.body).min(self.limits.body);
        let share = u32::try_from(shares(size)).map_err(|_| Refusal::TooLarge)?;
        let share = Arc::clone(&self.work).try_acquire_many_owned(share).map_err(|_| Refusal::Busy)?;
        let read = timeout_at(until, body::read(body, self.limits.body)).await;
        let body = read.map_err(|_| Refusal::Slow)?.map_err(|unread| match unread {
            Unread::TooLarge => Refusal::TooLarge,
            Unread::Broken => Refusal::Broken,
        })?;
        if body.len() <= self.limits.inline {
            return judge(&self.judge, endpoint, &body);
        }
        let aside = self.aside(endpoint, body, share);
        timeout_at(until, aside).await.map_err(|_| Refusal::Late)?
    }

    /// Judges a large body on a thread of its own. That cannot be interrupted: it keeps its share to the end, also when
    /// nobody waits any more.
    async fn aside(
        &self,
        endpoint: Endpoint,
        body: Vec<u8>,
        share: OwnedSemaphorePermit,
    ) -> Result<Answer, Refusal> {
        // Neither semaphore is ever closed.
        let turn = Arc::clone(&self.aside).acquire_owned().await.map_err(|_| Refusal::Busy)?;
        let by = Arc::clone(&self.judge);
        let judged = spawn_blocking(move || {
            let answer = judge(&by, endpoint, &body);
            drop((body, share, turn));
            answer
        });
        judged.await.unwrap_or(Err(Refusal::Panicked))
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        let words = match refusal {
            Refusal::Busy => "too much is under way; ask again\n".to_owned(),
            Refusal::Slow => "the body did not come in time\n".to_owned(),
            Refusal::Late => "the review took too long\n".to_owned(),
            Refusal::TooLarge => format!(
                "the body is larger than {} MiB, which no object and its old state can be\n",
                self.limits.body >> 20
            ),
            Refusal::Broken => "the body cannot be read\n".to_owned(),
            Refusal::Panicked => "the review panicked, which is a defect of seinode-operator\n".to_owned(),
        };
        (refusal.status(), words).into_response()
    }
}

impl Refusal {
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

/// A panic is the end of one request. The judge keeps nothing between two of them, so nothing is left half done.
fn judge(judge: &Judge, endpoint: Endpoint, body: &[u8]) -> Result<Answer, Refusal> {
    catch_unwind(AssertUnwindSafe(|| judge(endpoint, body))).map_err(|_| {
        tracing::error!(endpoint = endpoint.name(), "a review panicked, which is a defect");
        Refusal::Panicked
    })
}

fn written(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/json")], answer.body).into_response()
}

/// So many shares are this many bytes.
fn shares(bytes: usize) -> usize {
    bytes.div_ceil(Limits::SHARE).max(1)
}

/// A tenth less than what the API server waits, which it says in the query in whole seconds; `longest` at most.
fn deadline(query: Option<&str>, longest: Duration) -> Duration {
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    let said = pairs.filter_map(|pair| pair.strip_prefix("timeout=")?.strip_suffix('s')?.parse().ok()).next();
    said.map_or(longest, |seconds: u32| (Duration::from_secs(seconds.into()) * 9 / 10).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_lies_inside_what_the_api_server_waits() {
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

    #[test]
    fn a_request_has_a_share_of_the_work_by_its_size() {
        let of = |bytes| shares(bytes);
        assert_eq!([of(0), of(1), of(Limits::SHARE), of(Limits::SHARE + 1), of(7 << 20)], [1, 1, 1, 2, 28]);
        assert_eq!(shares(Limits::default().work), 256);
    }
}
