//! Reads the body of a request within bounds.

use axum::body::{Body, HttpBody};
use futures::StreamExt;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than allowed.
    TooLarge,
    /// The client went away, or did not keep to HTTP.
    Broken,
}

/// How large a body says that it is, if it does.
pub(super) fn announced(body: &Body) -> Option<usize> {
    body.size_hint().exact().and_then(|size| usize::try_from(size).ok())
}

/// Reads a body. One that is too large is read to its end and thrown away: a client that is still writing would not
/// see the answer.
pub(super) async fn read(body: Body, largest: usize) -> Result<Vec<u8>, Unread> {
    let mut kept = Vec::with_capacity(announced(&body).unwrap_or(0).min(largest));
    let mut fits = true;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| Unread::Broken)?;
        fits &= kept.len() + part.len() <= largest;
        if fits {
            kept.extend_from_slice(&part);
        } else {
            kept = Vec::new();
        }
    }
    if fits { Ok(kept) } else { Err(Unread::TooLarge) }
}
