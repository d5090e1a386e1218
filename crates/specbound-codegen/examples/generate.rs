//! Prints the server trait of a document: `cargo run --example generate -- openapi.yaml`.

use specbound_codegen::{Settings, generate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: generate DOCUMENT")?;
    let text = std::fs::read_to_string(&path)?;
    let settings = Settings { runtime: "crate::runtime", ..Settings::default() };
    let generated = generate(&text, &settings).map_err(|e| format!("{path}: {e}"))?;
    println!("{}", generated.server_trait);
    Ok(())
}
