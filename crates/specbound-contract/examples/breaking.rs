//! Lists the changes that break clients: `cargo run --example breaking -- old.yaml new.yaml`.

use std::path::PathBuf;

use specbound_contract::ReadOptions;
use specbound_contract::compatibility::{self, Severity};
use specbound_contract::report::read_documents;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args().skip(1).map(PathBuf::from);
    let (Some(old), Some(new)) = (paths.next(), paths.next()) else {
        return Err("usage: breaking OLD NEW".into());
    };
    let (old, new) = read_documents(&old, &new, ReadOptions::default())?;
    for verdict in compatibility::compare(&old.value, &new.value) {
        if verdict.severity == Severity::Breaking {
            println!("{}: {}", verdict.location, verdict.message);
        }
    }
    Ok(())
}
