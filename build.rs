//! Generates the server's code from the document into `OUT_DIR`, and fails if `generated/` is
//! stale. Also writes the files that the API reference page serves, the document as JSON and
//! Swagger UI, and the list of the files in `locales/`.

use std::error::Error;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::{env, fs};

use specbound_codegen::Generated;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::{CompressionMethod, ZipArchive};

const DOCUMENT: &str = "spec/inventree-auth-v291.yaml";
/// The second document: the calls that InvenTree's clients make first.
const USER_DOCUMENT: &str = "spec/inventree-user-v291.yaml";

/// One file per language.
const LOCALES: &str = "locales";

fn main() {
    if let Err(error) = run() {
        // `cargo::error` shows the sentence only; a panic would add a backtrace.
        for line in error.to_string().lines() {
            println!("cargo::error={line}");
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    for watched in [DOCUMENT, USER_DOCUMENT, "build.rs", "generated", LOCALES] {
        println!("cargo::rerun-if-changed={watched}");
    }
    println!("cargo::rerun-if-env-changed=REFRESH_GENERATED");
    let (text, generated) = generate(DOCUMENT, "AuthApi")?;
    let (user_text, user) = generate(USER_DOCUMENT, "UserApi")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("api.rs"), &generated.server)?;
    fs::write(out.join("user_api.rs"), &user.server)?;
    // In the document's key order, ready to serve.
    for (name, text) in [("document.json", &text), ("user_document.json", &user_text)] {
        let document: serde_yaml_ng::Value = serde_yaml_ng::from_str(text)?;
        fs::write(out.join(name), serde_json::to_vec_pretty(&document)?)?;
    }
    unpack_swagger_ui(&out)?;
    fs::write(out.join("locales.rs"), locales()?)?;

    let support = specbound_codegen::support([&generated, &user])?;
    let kept = [
        (DOCUMENT, Path::new("generated/src/support.rs"), &support),
        (DOCUMENT, Path::new("generated/src/client.rs"), &generated.client),
        (DOCUMENT, Path::new("generated/server_trait.rs"), &generated.server_trait),
        (USER_DOCUMENT, Path::new("generated/src/user_client.rs"), &user.client),
        (USER_DOCUMENT, Path::new("generated/user_trait.rs"), &user.server_trait),
    ];
    if env::var_os("REFRESH_GENERATED").is_some() {
        for (_, path, fresh) in kept {
            fs::write(path, fresh)?;
        }
    }
    for (document, path, fresh) in kept {
        if fs::read_to_string(path).unwrap_or_default() != *fresh {
            return Err(format!(
                "{} is not what {document} generates.\nRefresh it with: REFRESH_GENERATED=1 cargo \
                 build",
                path.display()
            )
            .into());
        }
    }
    Ok(())
}

/// The text of a document, and its code.
fn generate(document: &str, trait_name: &str) -> Result<(String, Generated), Box<dyn Error>> {
    let text = fs::read_to_string(document)?;
    // Both clients stand in the crate `generated/`.
    let support = Some("crate::support");
    let settings = specbound_codegen::Settings { trait_name, support, ..Default::default() };
    let generated =
        specbound_codegen::generate(&text, &settings).map_err(|e| format!("{document}: {e}"))?;
    Ok((text, generated))
}

/// Tag and content of each language file, as a Rust expression: a new file is all that a new
/// language takes.
fn locales() -> Result<String, Box<dyn Error>> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(LOCALES)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let tag = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        rows.push(format!("({tag:?}, include_str!({:?})),\n", path.canonicalize()?));
    }
    rows.sort();
    Ok(format!("&[{}]", rows.concat()))
}

/// Extracts the files of Swagger UI as gzip. A zip archive stores raw deflate data, which only
/// needs a gzip header and trailer, so nothing is recompressed.
fn unpack_swagger_ui(out: &Path) -> Result<(), Box<dyn Error>> {
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for name in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        let wanted = format!("/dist/{name}");
        let place = archive.file_names_raw().position(|path| path.ends_with(wanted.as_bytes()));
        let mut file = archive
            .by_index_raw(place.ok_or_else(|| format!("Swagger UI's archive lacks {wanted}"))?)?;
        if file.compression() != CompressionMethod::DEFLATE {
            return Err(format!("Swagger UI's archive does not hold {wanted} deflated").into());
        }
        // RFC 1952: magic, deflate, no flags, no time, no level, unknown system; checksum and
        // length follow the data.
        let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        file.read_to_end(&mut gzip)?;
        gzip.extend(file.crc32().to_le_bytes());
        gzip.extend(u32::try_from(file.size())?.to_le_bytes());
        fs::write(out.join(format!("{name}.gz")), gzip)?;
    }
    Ok(())
}
