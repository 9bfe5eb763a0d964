//! State of the certificates, read from their report at the scrape.

use jiff::Timestamp;
use prometheus::{
    Error, GaugeVec, IntCounterVec, IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use seinode_certs::{Kind, Renewals, Report, Standing};
use tokio::sync::watch;

/// Collects `sei_webhook_*`.
pub struct Presented {
    report: watch::Receiver<Report>,
    descriptions: Vec<Desc>,
}

impl Presented {
    /// For the certificates that this report is of.
    ///
    /// # Errors
    /// When a metric is named wrongly; a defect of ours.
    pub fn new(report: watch::Receiver<Report>) -> Result<Self, Error> {
        let descriptions =
            read(&Report::default())?.iter().flat_map(|metric| metric.desc()).cloned().collect();
        Ok(Self { report, descriptions })
    }
}

impl Collector for Presented {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        read(&self.report.borrow()).unwrap_or_default().iter().flat_map(|metric| metric.collect()).collect()
    }
}

fn read(report: &Report) -> Result<Vec<Box<dyn Collector>>, Error> {
    let not_after = GaugeVec::new(
        Opts::new(
            "sei_webhook_certificate_not_after_seconds",
            "When the certificate of this replica (leaf) or its authority (ca) expires, in seconds since 1970.",
        ),
        &["cert"],
    )?;
    let renewals = IntCounterVec::new(
        Opts::new(
            "sei_webhook_certificate_renewals_total",
            "Certificates that this replica exchanged, authorities that it made, or failed to.",
        ),
        &["cert", "result"],
    )?;
    let in_sync = IntGaugeVec::new(
        Opts::new(
            "sei_webhook_ca_bundle_in_sync",
            "1 while a configuration has the bundle that it ought to have, else 0.",
        ),
        &["configuration"],
    )?;
    let expires = |cert, at: Option<Timestamp>| {
        if let Some(at) = at {
            #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
            not_after.with_label_values(&[cert]).set(at.as_second() as f64);
        }
    };
    expires("leaf", report.leaf_not_after);
    expires("ca", report.authority_not_after);
    let renewed = |cert, Renewals { succeeded, failed }: Renewals| {
        renewals.with_label_values(&[cert, "success"]).inc_by(succeeded);
        renewals.with_label_values(&[cert, "error"]).inc_by(failed);
    };
    renewed("leaf", report.leaf_renewals);
    renewed("ca", report.authority_renewals);
    for (configuration, standing) in &report.configurations {
        let label = match configuration.kind {
            Kind::Mutating => "mutating",
            Kind::Validating => "validating",
        };
        in_sync.with_label_values(&[label]).set(i64::from(*standing == Standing::InSync));
    }
    Ok(vec![Box::new(not_after), Box::new(renewals), Box::new(in_sync)])
}

#[cfg(test)]
mod tests {
    use prometheus::{Registry, TextEncoder};
    use seinode_certs::Configuration;

    use super::*;

    #[test]
    fn a_scrape_shows_what_the_report_says() {
        let (report, seen) = watch::channel(Report::default());
        let registry = Registry::new();
        registry.register(Box::new(Presented::new(seen).unwrap())).unwrap();
        let scrape = || TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(!scrape().contains("not_after_seconds{"), "there is no certificate yet");
        let of = |kind| Configuration { kind, name: "seinode-operator".into() };
        report.send_modify(|report| {
            report.leaf_not_after = Some("2026-11-28T00:00:00Z".parse().unwrap());
            report.leaf_renewals = Renewals { succeeded: 3, failed: 1 };
            report.configurations.insert(of(Kind::Mutating), Standing::InSync);
            report.configurations.insert(of(Kind::Validating), Standing::Differs);
        });
        let text = scrape();
        for line in [
            "sei_webhook_certificate_not_after_seconds{cert=\"leaf\"} 1795824000",
            "sei_webhook_certificate_renewals_total{cert=\"leaf\",result=\"success\"} 3",
            "sei_webhook_certificate_renewals_total{cert=\"leaf\",result=\"error\"} 1",
            "sei_webhook_certificate_renewals_total{cert=\"ca\",result=\"error\"} 0",
            "sei_webhook_ca_bundle_in_sync{configuration=\"mutating\"} 1",
            "sei_webhook_ca_bundle_in_sync{configuration=\"validating\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in {text}");
        }
        assert!(!text.contains("cert=\"ca\"} "), "files have no authority of ours: {text}");
    }
}
