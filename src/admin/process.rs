//! Resources that the process uses, under the names of every Prometheus client library; read at the scrape.
//!
//! Not the `process` feature of the `prometheus` crate: it counts CPU in whole seconds and brings a second rustix.

use std::{fs, io, time::SystemTime};

use prometheus::{
    Counter, Error, Gauge, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use rustix::{
    param::page_size,
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// Collects the `process_*` metrics.
pub struct Process {
    /// Seconds since 1970.
    started: f64,
    descriptions: Vec<Desc>,
}

impl Process {
    /// For a process that started just now.
    ///
    /// # Errors
    /// When a metric is named wrongly; a defect of ours.
    pub fn started_now() -> Result<Self, Error> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut process = Self { started: since_1970.as_secs_f64(), descriptions: Vec::new() };
        process.descriptions = process.read()?.iter().flat_map(|metric| metric.desc()).cloned().collect();
        Ok(process)
    }

    /// Reads the values; where the kernel has none (no /proc), a value is zero and the scrape still works.
    fn read(&self) -> Result<Vec<Box<dyn Collector>>, Error> {
        let (size, resident) = memory().unwrap_or_default();
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
        let (cpu, limit) = (
            cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |limit| limit as f64),
        );
        Ok(vec![
            counter("process_cpu_seconds_total", "Time spent on CPUs, in user and system mode.", cpu)?,
            gauge("process_resident_memory_bytes", "Memory that is resident.", resident)?,
            gauge("process_virtual_memory_bytes", "Memory that is mapped.", size)?,
            gauge("process_open_fds", "Open file descriptors.", open_files().unwrap_or_default())?,
            gauge("process_max_fds", "File descriptors that may be open.", limit)?,
            gauge(
                "process_start_time_seconds",
                "Start of the process, in seconds since 1970.",
                self.started,
            )?,
        ])
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.read().unwrap_or_default().iter().flat_map(|metric| metric.collect()).collect()
    }
}

fn gauge(name: &str, help: &str, value: f64) -> Result<Box<dyn Collector>, Error> {
    let gauge = Gauge::with_opts(Opts::new(name, help))?;
    gauge.set(value);
    Ok(Box::new(gauge))
}

fn counter(name: &str, help: &str, value: f64) -> Result<Box<dyn Collector>, Error> {
    let counter = Counter::with_opts(Opts::new(name, help))?;
    counter.inc_by(value);
    Ok(Box::new(counter))
}

/// Mapped and resident bytes.
fn memory() -> io::Result<(f64, f64)> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let mut pages = text.split(' ').map(|number| number.parse::<u32>().map(f64::from).unwrap_or_default());
    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
    let mut bytes = || pages.next().unwrap_or_default() * page_size() as f64;
    Ok((bytes(), bytes()))
}

fn open_files() -> io::Result<f64> {
    let count = fs::read_dir("/proc/self/fd")?.count();
    // One of them reads the list.
    Ok(u32::try_from(count.saturating_sub(1)).map(f64::from).unwrap_or_default())
}
