//! Access to `/metrics` where that is restricted: a bearer token that the API server knows (TokenReview) and that may
//! `get` the path `/metrics` (SubjectAccessReview), as with controller-runtime and kube-rbac-proxy.
//!
//! Answers are remembered for a minute. Unknown tokens are reviewed at a bounded rate, so that nobody can make this
//! process flood the API server; a token that was accepted before is never held up by them.

mod memory;

use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use http::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use k8s_openapi::api::{
    authentication::v1::{TokenReview, TokenReviewSpec, UserInfo},
    authorization::v1::{NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
};
use kube::{Api, Client, api::PostParams};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::timeout};

use self::memory::{Known, Memory, Token};

/// Reviews of unknown tokens at once.
const STRANGERS: usize = 2;
/// Time for both reviews of a token.
const DEADLINE: Duration = Duration::from_secs(5);

/// Access as the API server grants it.
pub struct Access {
    client: Client,
    memory: Mutex<Memory>,
    strangers: Semaphore,
}

/// Refusal of a scrape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No token, or one that the API server does not know.
    #[error("send the bearer token of an account that may get the path /metrics")]
    Unauthenticated,
    /// A known account without the right.
    #[error("{0} may not get the path /metrics; a ClusterRole with that nonResourceURL grants it")]
    Forbidden(String),
    /// Too many unknown tokens.
    #[error("too many unknown tokens are being reviewed; try again later")]
    Busy,
    /// The API server could not say.
    #[error("the token cannot be reviewed: {0}")]
    Unreviewed(String),
}

impl Access {
    /// Access as this client's API server grants it.
    pub fn new(client: Client) -> Self {
        Self { client, memory: Mutex::default(), strangers: Semaphore::new(STRANGERS) }
    }

    /// Checks the token of a request.
    ///
    /// # Errors
    /// The refusal that the request is answered with.
    pub async fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let token = bearer(headers).ok_or(Refusal::Unauthenticated)?;
        let hash = Token::of(token);
        let known = self.memory.lock().recall(&hash, Instant::now());
        let _turn = match &known {
            Known::Allowed => return Ok(()),
            Known::Refused(refusal) => return Err(refusal.clone()),
            Known::AllowedBefore => None,
            Known::Stranger => {
                let turn = self.strangers.try_acquire().map_err(|_| Refusal::Busy)?;
                let may_ask = self.memory.lock().may_ask(Instant::now());
                Some(may_ask.then_some(turn).ok_or(Refusal::Busy)?)
            }
        };
        let reviewed = timeout(DEADLINE, self.review(token)).await;
        let reviewed = reviewed.unwrap_or_else(|_| Err(Refusal::Unreviewed("no answer in time".into())));
        match (reviewed, known) {
            // A token that was fine minutes ago is better than no metrics while the API server is away.
            (Err(Refusal::Unreviewed(_)), Known::AllowedBefore) => Ok(()),
            (Err(unreviewed @ Refusal::Unreviewed(_)), _) => Err(unreviewed),
            (decided, _) => {
                self.memory.lock().remember(hash, &decided, Instant::now());
                decided
            }
        }
    }

    async fn review(&self, token: &str) -> Result<(), Refusal> {
        let unreviewed = |error: kube::Error| {
            Refusal::Unreviewed(match error {
                kube::Error::Api(status) => status.message.clone(),
                _ => "the API server cannot be reached".to_owned(),
            })
        };
        let spec = TokenReviewSpec { token: Some(token.to_owned()), ..TokenReviewSpec::default() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let reviews: Api<TokenReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &review).await.map_err(unreviewed)?;
        let status = review.status.filter(|status| status.authenticated == Some(true));
        let user = status.and_then(|status| status.user).ok_or(Refusal::Unauthenticated)?;

        let name = user.username.clone().unwrap_or_default();
        let accesses: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let access = accesses.create(&PostParams::default(), &may_scrape(user)).await.map_err(unreviewed)?;
        let allowed = access.status.is_some_and(|status| status.allowed);
        if allowed { Ok(()) } else { Err(Refusal::Forbidden(name)) }
    }
}

fn may_scrape(user: UserInfo) -> SubjectAccessReview {
    let UserInfo { username, uid, groups, extra } = user;
    let path = NonResourceAttributes { path: Some("/metrics".into()), verb: Some("get".into()) };
    let spec = SubjectAccessReviewSpec {
        user: username,
        uid,
        groups,
        extra,
        non_resource_attributes: Some(path),
        ..SubjectAccessReviewSpec::default()
    };
    SubjectAccessReview { spec, ..SubjectAccessReview::default() }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        match self {
            Self::Unauthenticated => {
                (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], text).into_response()
            }
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, text).into_response(),
            Self::Busy => (StatusCode::TOO_MANY_REQUESTS, text).into_response(),
            Self::Unreviewed(_) => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_a_token() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer abc"), Some("abc".into()));
        assert_eq!(read("bearer  abc "), Some("abc".into()));
        assert_eq!((read("Bearer "), read("Basic abc"), read("abc")), (None, None, None));
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
