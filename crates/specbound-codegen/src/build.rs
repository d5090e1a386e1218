//! For build scripts: from a document on the disk to generated files in `OUT_DIR`.

use std::error::Error;
use std::path::Path;

use crate::{Settings, generate};

/// Generates the code of a document into `OUT_DIR`: `api.rs` is the server's, `client.rs` the
/// client's. To be called from a build script; an error stops the build with its message.
pub fn build(document: &str) {
    println!("cargo::rerun-if-changed={document}");
    if let Err(error) = write(document) {
        for line in format!("{document}: {error}").lines() {
            println!("cargo::error={line}");
        }
    }
}

fn write(document: &str) -> Result<(), Box<dyn Error>> {
    let generated = generate(&std::fs::read_to_string(document)?, &Settings::default())?;
    let folder =
        std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this is no build script")?;
    std::fs::write(Path::new(&folder).join("api.rs"), generated.server)?;
    std::fs::write(Path::new(&folder).join("client.rs"), generated.client)?;
    Ok(())
}
