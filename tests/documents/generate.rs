//! `cargo run --example generate -- DOCUMENT FOLDER`: what build.rs makes of spec/, for any document of the subset.

#[path = "../../src/codegen/mod.rs"]
#[allow(dead_code)]
mod codegen;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(document), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("call: generate DOCUMENT FOLDER".into());
    };
    let folder = std::path::PathBuf::from(folder);
    let text = std::fs::read_to_string(&document)?;
    let settings = codegen::Settings { trait_name: "Api", runtime: "inventree_auth::http::typed" };
    let generated = codegen::generate(&text, &settings).map_err(|e| format!("{document}: {e}"))?;
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("server.rs"), generated.server)?;
    std::fs::write(folder.join("client.rs"), generated.client)?;
    std::fs::write(folder.join("server_trait.rs"), generated.server_trait)?;
    Ok(())
}
