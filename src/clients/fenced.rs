//! Sends nothing that changes anything while this replica does not lead.
//!
//! The layer wraps a client, so that no request bypasses it. It checks right before a request is sent, and again
//! whenever it goes on; what is under way when the time is up is given up. Reading is always allowed.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll},
};

use futures::{FutureExt, future::BoxFuture};
use http::{Method, Request, Response};
use seinode_controller::{Fence, NotLeading};
use tower::{BoxError, Layer, Service};

/// Puts a fence around a client.
#[derive(Clone, Debug)]
pub struct Fencing(pub Fence);

impl<S> Layer<S> for Fencing {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Fenced<S> {
        Fenced { inner, fence: self.0.clone() }
    }
}

/// A client behind a fence.
#[derive(Clone)]
pub struct Fenced<S> {
    inner: S,
    fence: Fence,
}

impl<S, A, B> Service<Request<A>> for Fenced<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        if [Method::GET, Method::HEAD].contains(request.method()) {
            return self.inner.call(request).map(|answer| answer.map_err(Into::into)).boxed();
        }
        if !self.fence.holds() {
            return async { Err(NotLeading.into()) }.boxed();
        }
        let (fence, answer) = (self.fence.clone(), self.inner.call(request));
        async move {
            let mut answer = pin!(answer);
            // A process that stood still may wake anywhere, and timers that ought to have fired then are late.
            let guarded = poll_fn(|context| match fence.holds() {
                true => answer.as_mut().poll(context).map_err(Into::into),
                false => Poll::Ready(Err(NotLeading.into())),
            });
            tokio::select! {
                answer = guarded => answer,
                () = fence.shuts() => Err(NotLeading.into()),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(fence: Fence, method: Method) -> Result<u16, String> {
        let answers = tower::service_fn(async |_: Request<()>| {
            Ok::<_, BoxError>(Response::builder().status(201).body(()).unwrap_or_default())
        });
        let request = Request::builder().method(method).body(()).unwrap();
        let answer = Fencing(fence).layer(answers).call(request).await;
        answer.map(|answer| answer.status().as_u16()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn only_reading_is_allowed_behind_a_shut_fence() {
        let (shut, _baton) = Fence::contested();
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(ask(shut.clone(), method.clone()).await, Err(NotLeading.to_string()));
            assert_eq!(ask(Fence::open(), method).await, Ok(201));
        }
        assert_eq!(ask(shut, Method::GET).await, Ok(201));
    }

    #[tokio::test]
    async fn what_is_under_way_when_the_fence_shuts_is_given_up() {
        let hangs = tower::service_fn(async |_: Request<()>| {
            std::future::pending::<()>().await;
            Ok::<_, BoxError>(Response::new(()))
        });
        let (fence, baton) = Fence::contested();
        let request = Request::builder().method(Method::PUT).body(()).unwrap();
        baton.carry_for(std::time::Duration::from_millis(50));
        let error = Fencing(fence).layer(hangs).call(request).await.unwrap_err();
        assert!(error.is::<NotLeading>(), "{error}");
    }
}
