//! The metrics of the process that Prometheus client libraries export under the prefix `process_`,
//! sampled for each scrape.
//!
//! Systems other than Linux export the start time alone.

use std::fmt;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
#[cfg(target_os = "linux")]
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

#[derive(Debug)]
pub struct ProcessCollector {
    /// In seconds since the Unix epoch.
    started: f64,
}

impl ProcessCollector {
    /// The start time is that of this call.
    pub fn new() -> ProcessCollector {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        ProcessCollector { started: now.as_secs_f64() }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut encode = |name: &str, help: &str, unit: Option<Unit>, metric: &dyn EncodeMetric| {
            let kind = metric.metric_type();
            metric.encode(encoder.encode_descriptor(name, help, unit.as_ref(), kind)?)
        };
        let help = "Start time of the process, since the Unix epoch";
        let started = ConstGauge::new(self.started);
        encode("process_start_time", help, Some(Unit::Seconds), &started)?;
        #[cfg(target_os = "linux")]
        {
            let help = "User and system processor time";
            let cpu = ConstCounter::new(linux::cpu_seconds());
            encode("process_cpu", help, Some(Unit::Seconds), &cpu)?;
            let (virtual_memory, resident_memory) = linux::memory_bytes().unzip();
            let bytes = Some(Unit::Bytes);
            let gauges = [
                ("process_virtual_memory", "Virtual memory", bytes.clone(), virtual_memory),
                ("process_resident_memory", "Resident memory", bytes, resident_memory),
                ("process_open_fds", "Open file descriptors", None, linux::entries("fd")),
                ("process_max_fds", "Limit of open file descriptors", None, linux::max_fds()),
                ("process_threads", "Threads of the process", None, linux::entries("task")),
            ];
            for (name, help, unit, value) in gauges {
                if let Some(value) = value {
                    encode(name, help, unit, &ConstGauge::new(value))?;
                }
            }
        }
        Ok(())
    }
}

/// `None`: the value cannot be read, so its metric is not exported.
#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::{Resource, getrlimit};
    use rustix::time::{ClockId, clock_gettime};

    pub fn cpu_seconds() -> f64 {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
    }

    /// Virtual and resident memory.
    pub fn memory_bytes() -> Option<(u64, u64)> {
        let text = std::fs::read_to_string("/proc/self/statm").ok()?;
        let page = u64::try_from(rustix::param::page_size()).ok()?;
        let mut sizes = text.split_ascii_whitespace().map(|pages| pages.parse::<u64>().ok());
        Some((sizes.next()?? * page, sizes.next()?? * page))
    }

    pub fn max_fds() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }

    /// The number of entries of a directory of this process.
    pub fn entries(directory: &str) -> Option<u64> {
        let entries = std::fs::read_dir(format!("/proc/self/{directory}")).ok()?;
        u64::try_from(entries.count()).ok()
    }
}
