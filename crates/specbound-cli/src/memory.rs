//! The memory that a document may use: a share of the memory available to this program. A
//! larger document is refused in one line, where a failed allocation would end the program.

use std::fs;

/// The part of the memory that the values of one document may take. There are two, and each is
/// there once as it was read and once as it is compared.
const SHARE: usize = 4;

/// Bytes for the values of each document: this many megabytes, or less where the system says that
/// there is less.
pub fn for_each_document(megabytes: usize) -> usize {
    let left = [limit_of_process(), free(), limit_of_group()];
    let shares = left.into_iter().flatten().map(|bytes| bytes / SHARE);
    shares.fold(megabytes.saturating_mul(1 << 20), usize::min)
}

/// What `ulimit -v` leaves.
fn limit_of_process() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max address space"))?;
    let soft: usize = line.split_whitespace().nth(3)?.parse().ok()?;
    let used = fs::read_to_string("/proc/self/status").ok()?;
    Some(soft.saturating_sub(kilobytes(&used, "VmSize:")?))
}

/// Memory that the system has available.
fn free() -> Option<usize> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// Memory below the limit of the control group, in a container.
fn limit_of_group() -> Option<usize> {
    let number = |name: &str| -> Option<usize> {
        fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

/// The bytes of a line such as `VmSize:   1024 kB`.
fn kilobytes(text: &str, name: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}
