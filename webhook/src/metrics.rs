//! Metrics of admission. No label has a value that a request could choose freely.

use std::time::Instant;

use http::StatusCode;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::{endpoint::Endpoint, handshake::Reason, review::Response};

/// Upper bounds in seconds, from the time of a review to the time-out of an API server.
const BUCKETS: [f64; 12] = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.0];

/// The metrics of admission; clones share the counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
    shed: IntCounter,
    panics: IntCounter,
    patches: IntCounterVec,
    evicted: IntCounter,
    handshakes: IntCounterVec,
}

impl Metrics {
    /// Makes the metrics and puts them into a registry.
    ///
    /// # Errors
    /// When a name is malformed or taken; a defect of ours.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new(
                    "sei_admission_requests_total",
                    "Requests that were answered, by webhook and result.",
                ),
                &["webhook", "operation", "subresource", "allowed", "code", "dry_run"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new(
                    "sei_admission_request_duration_seconds",
                    "Time from the header of a request to its response.",
                )
                .buckets(BUCKETS.to_vec()),
                &["webhook"],
            )?,
            in_flight: IntGauge::new(
                "sei_admission_requests_in_flight",
                "Requests that are being answered now.",
            )?,
            shed: IntCounter::new(
                "sei_admission_shed_total",
                "Requests and connections that were rejected because too many were under way.",
            )?,
            panics: IntCounter::new(
                "sei_admission_panics_total",
                "Reviews that panicked, each a defect of the operator.",
            )?,
            patches: IntCounterVec::new(
                Opts::new("sei_admission_patches_total", "Fields that were changed by mutation."),
                &["webhook", "field"],
            )?,
            evicted: IntCounter::new(
                "sei_admission_connections_displaced_total",
                "Slow and idle connections that were evicted for new ones, handshakes aside.",
            )?,
            handshakes: IntCounterVec::new(
                Opts::new("sei_tls_handshake_failures_total", "Handshakes that failed, by reason."),
                &["reason"],
            )?,
        };
        let Self { requests, seconds, in_flight, shed, panics, patches, evicted, handshakes } =
            metrics.clone();
        registry.register(Box::new(requests))?;
        registry.register(Box::new(seconds))?;
        registry.register(Box::new(in_flight))?;
        registry.register(Box::new(shed))?;
        registry.register(Box::new(panics))?;
        registry.register(Box::new(patches))?;
        registry.register(Box::new(evicted))?;
        registry.register(Box::new(handshakes))?;
        Ok(metrics)
    }

    /// Counts a request that begins.
    pub(crate) fn begin(&self, endpoint: Endpoint) -> Call {
        self.in_flight.inc();
        Call { metrics: self.clone(), endpoint, begun: Instant::now() }
    }

    /// Counts a request or a connection that was rejected.
    pub(crate) fn shed(&self) {
        self.shed.inc();
    }

    /// Counts a review that panicked.
    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    /// Counts a connection that was evicted.
    pub(crate) fn evicted(&self) {
        self.evicted.inc();
    }

    /// Counts a handshake that failed.
    pub(crate) fn handshake_failed(&self, reason: Reason) {
        self.handshakes.with_label_values(&[reason.label()]).inc();
    }
}

/// A request that is being answered. A request whose client goes away is not counted as answered.
#[derive(Debug)]
pub(crate) struct Call {
    metrics: Metrics,
    endpoint: Endpoint,
    begun: Instant,
}

impl Call {
    /// Counts the request as reviewed.
    pub(crate) fn reviewed(&self, response: &Response) {
        let summary = &response.summary;
        self.count(summary.operation, summary.subresource, summary.allowed, summary.code, summary.dry_run);
        for field in &summary.patched {
            self.metrics.patches.with_label_values(&[self.endpoint.name(), field]).inc();
        }
    }

    /// Counts the request as rejected without a review.
    pub(crate) fn rejected(&self, status: StatusCode) {
        self.count("", "", false, status.as_u16(), false);
    }

    fn count(&self, operation: &str, subresource: &str, allowed: bool, code: u16, dry_run: bool) {
        let webhook = self.endpoint.name();
        let truth = |truth: bool| if truth { "true" } else { "false" };
        let labels = [webhook, operation, subresource, truth(allowed), &code.to_string(), truth(dry_run)];
        self.metrics.requests.with_label_values(&labels).inc();
        self.metrics.seconds.with_label_values(&[webhook]).observe(self.begun.elapsed().as_secs_f64());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}
