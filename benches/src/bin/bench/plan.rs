//! The sizes of a benchmark: its rounds, its clients and its accounts.

/// Enough clients to keep both cores busy.
pub const READERS: u32 = 32;
/// Below the number of logins that may queue for hashing.
pub const HASHERS: u32 = 64;
pub const WRITERS: u32 = 64;
pub const FLOODERS: usize = 4;

/// Durations and repetitions.
pub struct Plan {
    pub rounds: u32,
    pub seconds: u32,
    pub mixed_seconds: u32,
    pub few_accounts: u32,
    pub many_accounts: u32,
    /// Number of rows that writes may use up.
    pub written_accounts: u32,
}

impl Plan {
    /// On a busy machine, the first of many logins may take seconds.
    pub fn seconds_for(&self, connections: u32) -> u32 {
        if connections >= HASHERS { self.seconds.max(MIN_SECONDS) } else { self.seconds }
    }
}

/// For loads that hash passwords.
const MIN_SECONDS: u32 = 10;

pub const FULL: Plan = Plan {
    rounds: 5,
    seconds: 3,
    mixed_seconds: 60,
    few_accounts: 1000,
    many_accounts: 1_000_000,
    written_accounts: 200_000,
};

/// A quick check that the benchmark works; its figures mean nothing.
pub const SMOKE: Plan = Plan {
    rounds: 1,
    seconds: 1,
    mixed_seconds: 10,
    few_accounts: 1000,
    many_accounts: 5000,
    written_accounts: 50_000,
};
