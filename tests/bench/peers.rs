//! Other servers.
pub fn run() -> Result<(), Box<dyn std::error::Error>> {
    Err("not yet".into())
}
