//! `seinode-operator selftest`: asks a cluster whether an installed release does what it should. `helm test` runs it.
//!
//! It asks by dry runs and scrapes `/metrics`; nothing in the cluster changes. What each answer means is decided in
//! [`question`] and [`scrape`], which are pure; this file asks, again and again until an answer is good or the time is over,
//! as what was just installed takes a moment.

mod question;
mod scrape;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, PostParams},
};
use prometheus::Registry;
use seinode_controller::Fence;
use tokio::time::{Instant, sleep};

use self::{
    question::{Answer, Complaint, Question},
    scrape::Replica,
};
use crate::{
    cli::SelftestArgs,
    clients::{self, NoCluster, Source, count::Requests},
};

/// Between two attempts of a check.
const PAUSE: Duration = Duration::from_millis(500);
/// A request that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a test did not pass.
#[derive(Debug, thiserror::Error)]
pub enum SelftestError {
    /// There is no way to an API server.
    #[error(transparent)]
    Cluster(#[from] NoCluster),
    /// The client cannot be made.
    #[error("cannot prepare: {0}")]
    Prepare(String),
    /// Standard output takes nothing more.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// It was asked, and not all is well.
    #[error("{failed} of {all} checks failed; the lines above say what to do")]
    Failed {
        /// How many checks failed.
        failed: usize,
        /// How many there were.
        all: usize,
    },
}

/// Runs every check and prints a line for each.
///
/// # Errors
/// When the cluster cannot be asked at all, or a check failed.
pub async fn run(told: &SelftestArgs, environment: &BTreeMap<String, String>) -> Result<(), SelftestError> {
    let prepare = |error: &dyn std::error::Error| SelftestError::Prepare(error.to_string());
    let requests = Requests::register(&Registry::new()).map_err(|error| prepare(&error))?;
    let client = clients::connect(Source::of(environment), &requests, &Fence::open()).await?.request;
    let web =
        reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().map_err(|error| prepare(&error))?;
    let namespace = told.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let until = Instant::now() + Duration::from_secs(told.within);

    let questions = question::of(&told.guards);
    let (mut failed, all) = (0, questions.len() + 1);
    for question in questions {
        let found =
            eventually(until, async || question.judge(&ask(&client, &namespace, question).await)).await;
        failed += say(question.claim(), &found)?;
    }
    let found = eventually(until, async || scrape::judge(&replicas(&web, &told.metrics).await)).await;
    failed += say(scrape::CLAIM, &found)?;
    if failed == 0 { Ok(()) } else { Err(SelftestError::Failed { failed, all }) }
}

/// Checks until it is well, or the time is over.
async fn eventually(
    until: Instant,
    check: impl AsyncFn() -> Result<String, Complaint>,
) -> Result<String, Complaint> {
    loop {
        let found = check().await;
        if found.is_ok() || Instant::now() >= until {
            return found;
        }
        sleep(PAUSE).await;
    }
}

/// Prints what was found; counts 1 for a failure.
fn say(claim: &str, found: &Result<String, Complaint>) -> io::Result<usize> {
    let mut out = io::stdout().lock();
    match found {
        Ok(words) => writeln!(out, "ok    {claim}: {words}")?,
        Err(Complaint { why, remedy }) => writeln!(out, "FAIL  {claim}: {why}. {remedy}.")?,
    }
    out.flush()?;
    Ok(usize::from(found.is_err()))
}

/// Has the API server judge an object, as a dry run.
async fn ask(client: &Client, namespace: &str, question: Question) -> Answer {
    let (kind, object) = (question.kind(), question.object());
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(kind.group, kind.version, kind.kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let object = match serde_json::from_value(object) {
        Ok(object) => object,
        Err(error) => return Answer::Unheard(error.to_string()),
    };
    match api.create(&dry, &object).await {
        Ok(taken) => {
            serde_json::to_value(taken).map_or_else(|error| Answer::Unheard(error.to_string()), Answer::Taken)
        }
        Err(kube::Error::Api(status)) => Answer::Refused { code: status.code, words: status.message.clone() },
        Err(other) => Answer::Unheard(other.to_string()),
    }
}

/// Scrapes every address of a name: behind a headless Service each replica has one.
async fn replicas(web: &reqwest::Client, address: &str) -> Result<Vec<Replica>, String> {
    let addresses = tokio::net::lookup_host(address).await.map_err(|error| format!("{address}: {error}"))?;
    let mut replicas = Vec::new();
    for address in addresses {
        let get = async {
            let answer = web.get(format!("http://{address}/metrics")).send().await?.error_for_status()?;
            answer.text().await
        };
        let text = get.await.map_err(|error| format!("{address}: {}", error.without_url()))?;
        replicas.push(Replica::read(&address.to_string(), &text));
    }
    Ok(replicas)
}
