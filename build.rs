//! Reads the document, writes the server's code to `OUT_DIR`, and stops the build when `generated/` is stale.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/codegen/mod.rs"]
mod codegen;

const DOCUMENT: &str = "spec/inventree-auth-v291.yaml";

fn main() {
    if let Err(error) = run() {
        // `cargo::error` shows the sentence alone; a panic would bury it under a backtrace.
        for line in error.to_string().lines() {
            println!("cargo::error={line}");
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    for watched in [DOCUMENT, "build.rs", "src/codegen", "generated"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    println!("cargo::rerun-if-env-changed=REFRESH_GENERATED");
    let text = fs::read_to_string(DOCUMENT)?;
    let settings = codegen::Settings { trait_name: "AuthApi", runtime: "crate::http::typed" };
    let generated = codegen::generate(&text, &settings).map_err(|e| format!("{DOCUMENT}: {e}"))?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("api.rs"), &generated.server)?;

    let kept = [
        (Path::new("generated/src/client.rs"), &generated.client),
        (Path::new("generated/server_trait.rs"), &generated.server_trait),
    ];
    if env::var_os("REFRESH_GENERATED").is_some() {
        for (path, fresh) in kept {
            fs::write(path, fresh)?;
        }
    }
    for (path, fresh) in kept {
        if fs::read_to_string(path).unwrap_or_default() != *fresh {
            return Err(format!(
                "{} is not what {DOCUMENT} generates.\nRefresh it with: REFRESH_GENERATED=1 cargo build",
                path.display()
            )
            .into());
        }
    }
    Ok(())
}
