//! The memory that a document may use: a share of the memory available to this program. A
//! larger document is refused in one line, where a failed allocation would end the program.

use std::fs;

/// Each document may use this fraction of the memory: there are two, and each exists both as read
/// and in its canonical form.
const SHARE: usize = 4;

/// Bytes for the values of each document: this many megabytes, or less if less is available.
pub fn for_each_document(megabytes: usize) -> usize {
    let left = [available_address_space(), available_to_system(), available_to_cgroup()];
    let shares = left.into_iter().flatten().map(|bytes| bytes / SHARE);
    shares.fold(megabytes.saturating_mul(1 << 20), usize::min)
}

/// Address space left under `ulimit -v`.
fn available_address_space() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max address space"))?;
    let soft: usize = line.split_whitespace().nth(3)?.parse().ok()?;
    let used = fs::read_to_string("/proc/self/status").ok()?;
    Some(soft.saturating_sub(parse_kilobytes(&used, "VmSize:")?))
}

/// Memory that the system has available.
fn available_to_system() -> Option<usize> {
    parse_kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// Memory below the limit of the control group, in a container.
fn available_to_cgroup() -> Option<usize> {
    let number = |name: &str| -> Option<usize> {
        fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

/// The bytes of a line such as `VmSize:   1024 kB`.
fn parse_kilobytes(text: &str, name: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}
