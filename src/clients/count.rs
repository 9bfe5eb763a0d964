//! Counts what the API server is asked, by verb and by what it answered, and notes when watches were opened.
//!
//! The layer wraps the client, so that no request bypasses it, and changes no request.

use std::task::{Context, Poll};

use futures::{FutureExt, future::BoxFuture};
use http::{Method, Request, Response};
use prometheus::{IntCounterVec, Opts, Registry};
use tower::{Layer, Service};

use super::opened::Opened;

/// Failure instead of an answer.
const NO_ANSWER: &str = "none";

/// The counter. Clones share it; as a layer it puts itself around a client.
#[derive(Clone)]
pub struct Requests {
    counter: IntCounterVec,
    opened: Opened,
}

impl Requests {
    /// Makes the counter and puts it into a registry.
    ///
    /// # Errors
    /// When its name is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = IntCounterVec::new(
            Opts::new(
                "sei_controller_api_requests_total",
                "Requests to the API server by verb and by the HTTP status of the answer; none without one.",
            ),
            &["verb", "code"],
        )?;
        registry.register(Box::new(counter.clone()))?;
        Ok(Self { counter, opened: Opened::register(registry)? })
    }
}

impl<S> Layer<S> for Requests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, requests: self.clone() }
    }
}

/// A client whose requests are counted.
#[derive(Clone)]
pub struct Counted<S> {
    inner: S,
    requests: Requests,
}

impl<S, A, B> Service<Request<A>> for Counted<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<B>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (requests, verb) = (self.requests.clone(), verb(&request));
        let watched = (verb == "watch").then(|| request.uri().path().to_owned());
        let answer = self.inner.call(request);
        answer
            .inspect(move |answer| {
                let code = answer.as_ref().map(|answer| answer.status());
                let code = code.as_ref().map_or(NO_ANSWER, |code| code.as_str());
                requests.counter.with_label_values(&[verb, code]).inc();
                if let (Some(path), "200") = (watched, code) {
                    requests.opened.now(&path);
                }
            })
            .boxed()
    }
}

/// The verb as RBAC and the audit log call it: from kube's extension of the request where there is one, else from the
/// method.
fn verb<A>(request: &Request<A>) -> &'static str {
    let operation = request.extensions().get::<&'static str>().copied().unwrap_or_default();
    match operation {
        "watch" | "watch_metadata" => "watch",
        "list" | "list_metadata" => "list",
        "delete_collection" => "deletecollection",
        _ => match *request.method() {
            Method::GET => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "other",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, operation: Option<&'static str>) -> Request<()> {
        let mut request = Request::builder().method(method).body(()).unwrap();
        if let Some(operation) = operation {
            request.extensions_mut().insert(operation);
        }
        request
    }

    #[test]
    fn verbs_are_those_of_rbac() {
        assert_eq!(verb(&asked(Method::GET, Some("watch"))), "watch");
        assert_eq!(verb(&asked(Method::GET, Some("list"))), "list");
        assert_eq!(verb(&asked(Method::GET, Some("get_metadata"))), "get");
        assert_eq!(verb(&asked(Method::PUT, Some("replace_status"))), "update");
        assert_eq!(verb(&asked(Method::DELETE, Some("delete_collection"))), "deletecollection");
        assert_eq!(verb(&asked(Method::PATCH, None)), "patch");
        assert_eq!(verb(&asked(Method::OPTIONS, None)), "other");
    }

    #[tokio::test]
    async fn of_a_watch_it_is_noted_when_it_was_opened() {
        let registry = Registry::new();
        let requests = Requests::register(&registry).unwrap();
        let opened = || registry.gather().iter().any(|it| it.name() == "sei_controller_watch_opened_seconds");
        for (status, operation, noted) in [(403, "watch", false), (200, "list", false), (200, "watch", true)]
        {
            let answers = tower::service_fn(move |_: Request<()>| async move {
                Ok::<_, &str>(Response::builder().status(status).body(()).unwrap())
            });
            let mut client = requests.layer(answers);
            client.call(asked(Method::GET, Some(operation))).await.unwrap();
            assert_eq!(opened(), noted, "{operation} answered with {status}");
        }
    }

    #[tokio::test]
    async fn a_request_is_counted_by_its_answer_also_when_there_is_none() {
        let requests = Requests::register(&Registry::new()).unwrap();
        let answers = tower::service_fn(async |request: Request<()>| match *request.method() {
            Method::GET => Ok(Response::builder().status(404).body(()).unwrap()),
            _ => Err("the connection broke"),
        });
        let mut client = requests.layer(answers);
        client.call(asked(Method::GET, None)).await.unwrap();
        client.call(asked(Method::POST, None)).await.unwrap_err();
        let count = |verb, code| requests.counter.with_label_values(&[verb, code]).get();
        assert_eq!((count("get", "404"), count("create", NO_ANSWER)), (1, 1));
    }
}
