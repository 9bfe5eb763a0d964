//! Downloads release files and checks them, all at once and under one time-out.
//!
//! A file that does not have its checksum is deleted unread. A failure is a value for the caller, who builds instead.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use reqwest::{Client, Response};

use super::checksum::{Checksum, Hasher};
use super::error::DownloadError;
use super::mirror::{Mirror, protected};
use super::release::{Release, Source};
use crate::progress::{Event, Progress};

/// Bytes above which a file is refused. The largest, all of Kubernetes, has some 400 million.
const LARGEST: u64 = 1 << 30;
/// Bytes above which a file of checksums is refused.
const LARGEST_LIST: usize = 1 << 20;
/// Interval at which progress is reported.
const TICK: Duration = Duration::from_secs(1);

/// The time-out of all downloads together: as long as `bytes` arrive within every `time`, they go on.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes of all files together.
    pub bytes: u64,
    /// The time within which they must arrive.
    pub time: Duration,
}

/// Ten seconds are what a machine without a route loses. A slower line than this one is slower than building.
pub(super) const PACE: Pace = Pace { bytes: 5 << 20, time: Duration::from_secs(10) };

/// A release file and the path to download it to.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) release: Release,
    pub(super) path: PathBuf,
}

/// Downloads every file, all at the same time. The results are in the order of the `orders`; each file is at its path,
/// with the right checksum, or was deleted.
pub(super) async fn download(
    orders: &[Order],
    mirror: &Mirror,
    pace: Pace,
    progress: &Progress,
) -> Vec<Result<(), DownloadError>> {
    let begin = Instant::now();
    let client = match client(mirror) {
        Ok(client) => client,
        Err(error) => return orders.iter().map(|order| Err(transfer(&url(order, mirror), &error))).collect(),
    };
    let (client, traffic) = (&client, AtomicU64::new(0));
    let transfers = orders.iter().enumerate().map(|(index, order)| {
        let traffic = &traffic;
        async move { (index, fetch(client, order, mirror, traffic).await) }
    });
    let mut transfers: FuturesUnordered<_> = transfers.collect();
    let mut results: Vec<_> = orders.iter().map(|order| Err(slow(order, mirror, pace))).collect();
    let mut ticks = tokio::time::interval(TICK.min(pace.time));
    let (mut window, mut before) = (Instant::now(), 0);
    while !transfers.is_empty() {
        tokio::select! {
            Some((index, result)) = transfers.next() => results[index] = result,
            _ = ticks.tick() => {
                let received = traffic.load(Ordering::Relaxed);
                let files = transfers.len();
                progress.report(&Event::Downloading { files, received, elapsed: begin.elapsed() });
                if window.elapsed() >= pace.time {
                    if received - before < pace.bytes {
                        break;
                    }
                    (window, before) = (Instant::now(), received);
                }
            }
        }
    }
    drop(transfers);
    for (order, _) in orders.iter().zip(&results).filter(|(_, result)| result.is_err()) {
        // What never arrived is not there.
        let _ = std::fs::remove_file(&order.path);
    }
    results
}

/// One client for all files. Nothing that was asked for over HTTPS is redirected to anything else.
fn client(mirror: &Mirror) -> reqwest::Result<Client> {
    // Somebody may have chosen the same one before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let protected = mirror.url("").starts_with("https:");
    Client::builder().https_only(protected).user_agent("seinode-devcluster").build()
}

async fn fetch(
    client: &Client,
    order: &Order,
    mirror: &Mirror,
    traffic: &AtomicU64,
) -> Result<(), DownloadError> {
    let url = url(order, mirror);
    let expected = match &order.release.checksum {
        Source::Pinned(checksum) => checksum.clone(),
        Source::Published(list) => published(client, &mirror.url(list), order.release.name()).await?,
    };
    let disk = |source| DownloadError::Disk { path: order.path.clone(), source };
    let mut file = create(&order.path).map_err(disk)?;
    let mut response = get(client, &url).await?;
    let mut hasher = Hasher::like(&expected);
    let mut size = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| transfer(&url, &error))? {
        size += chunk.len() as u64;
        if size > LARGEST {
            return Err(DownloadError::Large { url, limit: LARGEST });
        }
        traffic.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        hasher.update(&chunk);
        file.write_all(&chunk).map_err(disk)?;
    }
    let actual = hasher.finish();
    if actual != expected {
        return Err(DownloadError::Mismatch { url, actual, expected });
    }
    Ok(())
}

/// The checksum of `file` in the list that its release publishes at `url`.
async fn published(client: &Client, url: &str, file: &str) -> Result<Checksum, DownloadError> {
    if !protected(url) {
        return Err(DownloadError::Unprotected { url: url.to_owned() });
    }
    let mut response = get(client, url).await?;
    let mut list = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transfer(url, &error))? {
        list.extend_from_slice(&chunk);
        if list.len() > LARGEST_LIST {
            return Err(DownloadError::Large { url: url.to_owned(), limit: LARGEST_LIST as u64 });
        }
    }
    Checksum::listed(&String::from_utf8_lossy(&list), file)
        .ok_or_else(|| DownloadError::Unlisted { url: url.to_owned(), file: file.to_owned() })
}

async fn get(client: &Client, url: &str) -> Result<Response, DownloadError> {
    let response = client.get(url).send().await.map_err(|error| transfer(url, &error))?;
    let status = response.status();
    if status.is_success() {
        Ok(response)
    } else {
        Err(DownloadError::Status { url: url.to_owned(), status })
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    File::create(path)
}

fn url(order: &Order, mirror: &Mirror) -> String {
    mirror.url(&order.release.file)
}

fn slow(order: &Order, mirror: &Mirror, pace: Pace) -> DownloadError {
    DownloadError::Slow { url: url(order, mirror), pace }
}

/// The innermost cause tells what went wrong: no name, no route, cut short.
fn transfer(url: &str, error: &reqwest::Error) -> DownloadError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    DownloadError::Transfer { url: url.to_owned(), reason: cause.to_string().replace('\n', " ") }
}

#[cfg(test)]
mod tests;
