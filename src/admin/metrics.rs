//! `/metrics`: the registry in the text format of Prometheus.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus::{IntGauge, Opts, Registry, TEXT_FORMAT};

use super::{access::Access, exposition::Exposition, process::Process};

/// The metrics and the access to them.
struct Served {
    exposition: Exposition,
    /// `None` where everybody may.
    access: Option<Access>,
}

/// Makes a registry with the metrics of the process; the controller adds its own.
///
/// # Errors
/// When a metric is named wrongly or twice; a defect of ours.
pub fn registry() -> Result<Registry, prometheus::Error> {
    let registry = Registry::new();
    let build = Opts::new("sei_controller_build_info", "Which build of the operator runs; always 1.")
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let build = IntGauge::with_opts(build)?;
    build.set(1);
    registry.register(Box::new(build))?;
    registry.register(Box::new(Process::started_now()?))?;
    Ok(registry)
}

/// The routes of the metrics address, for everybody or for those with access.
pub fn routes(registry: Registry, access: Option<Access>) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .fallback(|| async { (StatusCode::NOT_FOUND, "this address has /metrics\n") })
        .with_state(Arc::new(Served { exposition: Exposition::new(registry), access }))
}

async fn scrape(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    if let Some(access) = &served.access
        && let Err(refusal) = access.check(&headers).await
    {
        return refusal.into_response();
    }
    match served.exposition.text().await {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_scrape_has_the_build_and_the_process() {
        let served = Served { exposition: Exposition::new(registry().unwrap()), access: None };
        let response = scrape(State(Arc::new(served)), HeaderMap::new()).await;
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; version=0.0.4");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let build = format!("sei_controller_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&build), "{text}");
        let value = |name: &str| -> f64 {
            let line = text.lines().find(|line| line.split(' ').next() == Some(name));
            line.and_then(|line| line.split(' ').nth(1))
                .unwrap_or_else(|| panic!("{name} in {text}"))
                .parse()
                .unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
        assert!(value("process_cpu_seconds_total") > 0.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") > value("process_open_fds"));
        assert!(value("process_start_time_seconds") > 1.7e9);
    }
}
