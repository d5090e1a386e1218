//! The stack for the registration of many operations: in a debug build dropshot's function for it
//! takes some 3 kB for each, which a test's thread does not have for hundreds.

use std::io;

/// Memory that is not touched costs nothing.
const STACK: usize = 256 << 20;

/// Runs a function on a stack that is large enough to register any document's operations:
/// `on_large_stack(api_mod::api_description::<Server>)`.
///
/// # Errors
///
/// If the operating system starts no thread.
pub fn on_large_stack<T: Send>(register: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, register)?;
        thread.join().map_err(|_| io::Error::other("the registration panicked"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_stack_exceeds_a_thread_stack() {
        let taken = on_large_stack(|| std::hint::black_box([1_u8; 64 << 20])[5]);
        assert_eq!(taken.unwrap(), 1);
    }
}
