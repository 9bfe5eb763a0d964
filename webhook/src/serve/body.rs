//! Receives the body of a request within bounds.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use futures::StreamExt;
use tokio::time::{Instant, timeout};

use super::{budget::Share, connections::Slot, limits::Limits};

/// Reasons why a body was not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Larger than allowed.
    TooLarge,
    /// The client went away, or sent malformed HTTP.
    Broken,
    /// The first byte came too late.
    Late,
    /// The body had to make room for others, or found none.
    Evicted,
}

/// Number of requests that wait for the first byte of their body.
#[derive(Debug, Default)]
pub(super) struct Waiting(AtomicUsize);

/// One of them, until it is dropped.
struct OneOf<'a>(&'a AtomicUsize);

impl Waiting {
    fn enter(&self) -> OneOf<'_> {
        self.0.fetch_add(1, Relaxed);
        OneOf(&self.0)
    }
}

impl Drop for OneOf<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Receives a body. One that is too large is received on for as much again and discarded: a client that is still writing
/// would not see the answer.
pub(super) async fn receive(
    body: Body,
    limits: &Limits,
    waiting: &Waiting,
    share: &Share,
    slot: &Slot,
) -> Result<Vec<u8>, Unread> {
    let announced = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let most = announced.map_or(limits.body, |announced| announced.min(limits.body));
    let mut parts = body.into_data_stream();
    let mut next = first(&mut parts, limits, waiting).await?;
    let mut kept = Vec::new();
    while let Some(part) = next {
        let part = part.map_err(|_| Unread::Broken)?;
        let length = kept.len().saturating_add(part.len());
        if length > limits.body {
            drop(kept);
            discard(parts, limits.body).await;
            return Err(Unread::TooLarge);
        }
        if length > kept.capacity() {
            let capacity = kept.capacity().saturating_mul(2).min(most).max(length);
            if capacity > limits.small {
                share.grow(capacity, Instant::now()).map_err(|_| Unread::Evicted)?;
            }
            kept.reserve_exact(capacity.saturating_sub(kept.len()));
        }
        kept.extend_from_slice(&part);
        next = tokio::select! {
            part = parts.next() => part,
            () = share.evicted.cancelled() => return Err(Unread::Evicted),
            () = slot.evicted.cancelled() => return Err(Unread::Evicted),
        };
    }
    Ok(kept)
}

/// The first part of a body; `None` when there is none.
async fn first(
    parts: &mut BodyDataStream,
    limits: &Limits,
    waiting: &Waiting,
) -> Result<Option<Result<Bytes, axum::Error>>, Unread> {
    let (_one, began) = (waiting.enter(), Instant::now());
    let mut part = pin!(parts.next());
    loop {
        match timeout(limits.first_byte, part.as_mut()).await {
            Ok(part) => return Ok(part),
            Err(_) if waiting.0.load(Relaxed) > limits.few => return Err(Unread::Late),
            Err(_) if began.elapsed() >= limits.first_byte_of_few => return Err(Unread::Late),
            Err(_) => {}
        }
    }
}

async fn discard(mut parts: BodyDataStream, most: usize) {
    let mut discarded = 0_usize;
    while let Some(Ok(part)) = parts.next().await {
        discarded = discarded.saturating_add(part.len());
        if discarded > most {
            return;
        }
    }
}
