//! Leadership of this replica, read from its fence at the scrape.

use prometheus::{
    IntGauge, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::fence::Fence;

/// 1 while this replica leads, else 0.
pub(super) struct Leader {
    fence: Fence,
    gauge: IntGauge,
}

impl Leader {
    pub(super) fn new(fence: Fence) -> Result<Self, prometheus::Error> {
        let gauge = IntGauge::with_opts(Opts::new(
            "sei_controller_leader",
            "1 while this replica works on nodes, 0 while another does or none. Without election always 1.",
        ))?;
        Ok(Self { fence, gauge })
    }
}

impl Collector for Leader {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set(i64::from(self.fence.holds()));
        self.gauge.collect()
    }
}
