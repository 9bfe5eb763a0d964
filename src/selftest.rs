//! `seinode-operator selftest`: tests an installed release. `helm test` runs it.
//!
//! Each check is a dry run, or a scrape of `/metrics`; nothing in the cluster changes. [`check`] and [`scrape`] evaluate the
//! responses and are pure. This file sends the requests, until a check passes or the time is over: a release that was just
//! installed takes a moment.

mod check;
mod scrape;
mod secure;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, PostParams},
};
use prometheus::Registry;
use seinode_controller::Fence;
use tokio::time::{Instant, sleep, timeout};

use self::{
    check::{Check, Failure, Response},
    scrape::Replica,
    secure::Secure,
};
use crate::{
    cli::SelftestArgs,
    clients::{self, NoCluster, Source, count::Requests},
};

/// Delay between two attempts of a check.
const PAUSE: Duration = Duration::from_millis(500);
/// A request that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reason why the test did not pass.
#[derive(Debug, thiserror::Error)]
pub enum SelftestError {
    /// There is no way to an API server.
    #[error(transparent)]
    Cluster(#[from] NoCluster),
    /// The client cannot be made.
    #[error("cannot prepare: {0}")]
    Prepare(String),
    /// Standard output is closed.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// Some checks failed.
    #[error("{failed} of {all} checks failed; the lines above say what to do")]
    Failed {
        /// Number of failed checks.
        failed: usize,
        /// Number of checks.
        all: usize,
    },
}

/// Runs every check and prints a line for each.
///
/// # Errors
/// When no request can be sent, or a check failed.
pub async fn run(
    arguments: &SelftestArgs,
    environment: &BTreeMap<String, String>,
) -> Result<(), SelftestError> {
    let prepare = |error: &dyn std::error::Error| SelftestError::Prepare(error.to_string());
    let requests = Requests::register(&Registry::new()).map_err(|error| prepare(&error))?;
    let client = clients::connect(Source::of(environment), &requests, &Fence::open()).await?.request;
    let scraper = Scraper::new(arguments)?;
    let namespace = arguments.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let begun = Instant::now();
    let until = begun.checked_add(Duration::from_secs(arguments.within)).unwrap_or(begun);

    let checks = check::of(&arguments.guards);
    let (mut failed, all) = (0_usize, checks.len().saturating_add(1));
    for check in checks {
        let found =
            eventually(until, async || check.evaluate(&dry_run(&client, &namespace, check).await)).await;
        failed = failed.saturating_add(print(check.claim(), &found)?);
    }
    let found =
        eventually(until, async || scrape::evaluate(&replicas(&scraper, &arguments.metrics).await)).await;
    failed = failed.saturating_add(print(scrape::CLAIM, &found)?);
    if failed == 0 { Ok(()) } else { Err(SelftestError::Failed { failed, all }) }
}

/// Repeats a check until it passes, or the time is over.
async fn eventually(
    until: Instant,
    attempt: impl AsyncFn() -> Result<String, Failure>,
) -> Result<String, Failure> {
    loop {
        let found = attempt().await;
        if found.is_ok() || Instant::now() >= until {
            return found;
        }
        sleep(PAUSE).await;
    }
}

/// Prints the result of a check; returns 1 for a failure.
fn print(claim: &str, found: &Result<String, Failure>) -> io::Result<usize> {
    let mut out = io::stdout().lock();
    match found {
        Ok(words) => writeln!(out, "ok    {claim}: {words}")?,
        Err(Failure { why, remedy }) => writeln!(out, "FAIL  {claim}: {why}. {remedy}.")?,
    }
    out.flush()?;
    Ok(usize::from(found.is_err()))
}

/// Sends the object of a check to the API server, as a dry run.
async fn dry_run(client: &Client, namespace: &str, check: Check) -> Response {
    let (kind, object) = (check.kind(), check.object());
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(kind.group, kind.version, kind.kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let object = match serde_json::from_value(object) {
        Ok(object) => object,
        Err(error) => return Response::Missing(error.to_string()),
    };
    match api.create(&dry, &object).await {
        Ok(taken) => serde_json::to_value(taken)
            .map_or_else(|error| Response::Missing(error.to_string()), Response::Accepted),
        Err(kube::Error::Api(status)) => {
            Response::Refused { code: status.code, words: status.message.clone() }
        }
        Err(other) => Response::Missing(other.to_string()),
    }
}

/// Scrapes every address of a name: behind a headless Service each replica has one.
async fn replicas(scraper: &Scraper, address: &str) -> Result<Vec<Replica>, String> {
    let addresses = tokio::net::lookup_host(address).await.map_err(|error| format!("{address}: {error}"))?;
    let mut replicas = Vec::new();
    for address in addresses {
        let text = scraper.scrape(address).await.map_err(|error| format!("{address}: {error}"))?;
        replicas.push(Replica::read(&address.to_string(), &text));
    }
    Ok(replicas)
}

/// A client of `/metrics`.
enum Scraper {
    Plain(reqwest::Client),
    Secure(Secure),
}

impl Scraper {
    fn new(arguments: &SelftestArgs) -> Result<Self, SelftestError> {
        let prepare = |error: &dyn std::error::Error| SelftestError::Prepare(error.to_string());
        match (&arguments.metrics_ca, &arguments.metrics_name) {
            (Some(authorities), Some(name)) => Secure::new(authorities, name, &arguments.metrics_token)
                .map(Self::Secure)
                .map_err(|error| prepare(&error)),
            _ => reqwest::Client::builder()
                .timeout(PATIENCE)
                .no_proxy()
                .build()
                .map(Self::Plain)
                .map_err(|error| prepare(&error)),
        }
    }

    async fn scrape(&self, address: SocketAddr) -> Result<String, String> {
        match self {
            Self::Plain(client) => {
                let get = async {
                    let url = format!("http://{address}/metrics");
                    client.get(url).send().await?.error_for_status()?.text().await
                };
                get.await.map_err(|error| error.without_url().to_string())
            }
            Self::Secure(client) => match timeout(PATIENCE, client.scrape(address)).await {
                Ok(scraped) => scraped.map_err(|error| error.to_string()),
                Err(_) => Err("no response in time".to_owned()),
            },
        }
    }
}
