//! The metrics of one sidecar process, in the Prometheus text format. They start at nothing with the process.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::task_type::TaskType;

/// Upper bounds, in seconds, of the Go client's default buckets.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Counters and histograms of one process.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    submissions: BTreeMap<TaskType, u64>,
    failures: BTreeMap<TaskType, u64>,
    durations: BTreeMap<(TaskType, &'static str), Vec<f64>>,
}

impl Metrics {
    pub(crate) fn submitted(&mut self, task: TaskType) {
        *self.submissions.entry(task).or_default() += 1;
    }

    pub(crate) fn ended(&mut self, task: TaskType, succeeded: bool, took: Duration) {
        let status = if succeeded { "completed" } else { "failed" };
        self.durations.entry((task, status)).or_default().push(took.as_secs_f64());
        if !succeeded {
            *self.failures.entry(task).or_default() += 1;
        }
    }

    /// The scrape.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        const DURATION: &str = "seictl_task_execution_duration_seconds";
        writeln!(text, "# TYPE {DURATION} histogram")?;
        for ((task, status), spans) in &self.durations {
            let labels = format!("type=\"{task}\",status=\"{status}\"");
            for bound in BUCKETS {
                let below = spans.iter().filter(|span| **span <= bound).count();
                writeln!(text, "{DURATION}_bucket{{{labels},le=\"{bound}\"}} {below}")?;
            }
            writeln!(text, "{DURATION}_bucket{{{labels},le=\"+Inf\"}} {}", spans.len())?;
            writeln!(text, "{DURATION}_sum{{{labels}}} {}", spans.iter().sum::<f64>())?;
            writeln!(text, "{DURATION}_count{{{labels}}} {}", spans.len())?;
        }
        for (name, counts) in [
            ("seictl_task_submissions_total", &self.submissions),
            ("seictl_task_failures_total", &self.failures),
        ] {
            writeln!(text, "# TYPE {name} counter")?;
            for (task, count) in counts {
                writeln!(text, "{name}{{type=\"{task}\"}} {count}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_counts_what_happened() {
        let mut metrics = Metrics::default();
        metrics.submitted(TaskType::MarkReady);
        metrics.submitted(TaskType::MarkReady);
        metrics.ended(TaskType::MarkReady, true, Duration::from_millis(20));
        metrics.ended(TaskType::MarkReady, false, Duration::from_secs(60));
        let scrape = metrics.render();
        for line in [
            "seictl_task_submissions_total{type=\"mark-ready\"} 2",
            "seictl_task_failures_total{type=\"mark-ready\"} 1",
            "seictl_task_execution_duration_seconds_bucket{type=\"mark-ready\",status=\"completed\",le=\"0.01\"} 0",
            "seictl_task_execution_duration_seconds_bucket{type=\"mark-ready\",status=\"completed\",le=\"0.025\"} 1",
            "seictl_task_execution_duration_seconds_bucket{type=\"mark-ready\",status=\"failed\",le=\"10\"} 0",
            "seictl_task_execution_duration_seconds_bucket{type=\"mark-ready\",status=\"failed\",le=\"+Inf\"} 1",
            "seictl_task_execution_duration_seconds_sum{type=\"mark-ready\",status=\"failed\"} 60",
        ] {
            assert!(scrape.lines().any(|written| written == line), "{line} is missing in\n{scrape}");
        }
    }
}
