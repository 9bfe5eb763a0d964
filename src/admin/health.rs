//! `/livez` and `/readyz`, in the manner of the Kubernetes components: `?verbose` lists every check.

use std::{collections::BTreeMap, fmt::Write};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::StatusCode,
    routing::get,
};
use seinode_controller::{GateState, Readiness};

/// Level of detail of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// `ok`, or the checks that fail.
    Brief,
    /// Every check.
    Verbose,
}

/// The routes of the health address.
pub fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(alive))
        // What the original operator's manifests probe.
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .fallback(|| async { (StatusCode::NOT_FOUND, "this address has /livez, /healthz and /readyz\n") })
        .with_state(readiness)
}

/// Proves by its answer that the runtime still gets to its tasks. A dead critical task ends the process.
async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(readiness): State<Readiness>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    report(&readiness.report(), detail(query.as_deref()))
}

fn detail(query: Option<&str>) -> Detail {
    let verbose = |pair: &str| pair == "verbose" || pair.starts_with("verbose=");
    if query.is_some_and(|query| query.split('&').any(verbose)) { Detail::Verbose } else { Detail::Brief }
}

/// The kubelet quotes the text in its event, so that a failure lists the failing checks in any case.
fn report(gates: &BTreeMap<String, GateState>, detail: Detail) -> (StatusCode, String) {
    let mut text = String::new();
    let mut shut = 0_usize;
    for (name, state) in gates {
        // Writing to a String cannot fail.
        let _ = match (state, detail) {
            (GateState::Waiting(reason), _) => {
                shut = shut.saturating_add(1);
                writeln!(text, "[-]{name}: {reason}")
            }
            (GateState::Ready, Detail::Verbose) => writeln!(text, "[+]{name} ok"),
            (GateState::Ready, Detail::Brief) => Ok(()),
        };
    }
    match (shut, detail) {
        (0, Detail::Brief) => (StatusCode::OK, "ok\n".to_owned()),
        (0, Detail::Verbose) => (StatusCode::OK, text + "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, text + "not ready\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shut: &[&str], query: Option<&str>, expected: (u16, &str)) {
        let readiness = Readiness::default();
        for name in ["caches", "process"] {
            let gate = readiness.gate(name, "waiting for it");
            if !shut.contains(&name) {
                gate.open();
            }
        }
        let (status, text) = report(&readiness.report(), detail(query));
        assert_eq!((status.as_u16(), text.as_str()), expected);
    }

    #[test]
    fn a_report_is_brief_unless_asked_or_failing() {
        check(&[], None, (200, "ok\n"));
        check(&[], Some("exclude=verbose"), (200, "ok\n"));
        check(&[], Some("verbose"), (200, "[+]caches ok\n[+]process ok\nready\n"));
        check(&["caches"], None, (503, "[-]caches: waiting for it\nnot ready\n"));
        check(
            &["process"],
            Some("a=b&verbose=1"),
            (503, "[+]caches ok\n[-]process: waiting for it\nnot ready\n"),
        );
    }
}
