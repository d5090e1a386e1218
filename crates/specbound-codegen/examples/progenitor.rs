//! Writes the client that progenitor alone generates, for a comparison:
//! `cargo run --example progenitor -- DOCUMENT OUTPUT`.

use std::error::Error;

use openapiv3::OpenAPI;
use progenitor::Generator;

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: progenitor DOCUMENT OUTPUT";
    let [_, document, output] =
        <[String; 3]>::try_from(std::env::args().collect::<Vec<_>>()).map_err(|_| usage)?;
    let text = std::fs::read_to_string(&document)?;
    let document: OpenAPI = match document.ends_with("json") {
        true => serde_json::from_str(&text)?,
        false => serde_yaml_ng::from_str(&text)?,
    };
    let code = Generator::default().generate_tokens(&document)?;
    std::fs::write(output, code.to_string())?;
    Ok(())
}
