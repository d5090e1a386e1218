//! docs/architecture.md: a lower layer never imports a higher one, and only the store knows SQL.

use std::path::{Path, PathBuf};

use crate::markdown::root;

/// Each layer, and the modules of the program that it may import.
const LAYERS: [(&str, &[&str]); 4] = [
    ("store", &["store", "metrics", "network", "secret"]),
    ("mail", &["branding", "languages", "mail", "store", "metrics", "network", "secret", "text"]),
    ("providers", &["providers", "metrics", "network", "secret"]),
    ("domain", &["domain", "store", "mail", "providers", "metrics", "network", "secret"]),
];

/// Crates of HTTP servers, which the layers below HTTP must not use.
const HTTP_SERVERS: [&str; 2] = ["dropshot", "hyper"];

/// Crates of the product, of which the runtime knows none.
const PRODUCT: [&str; 7] = [
    "inventree_auth",
    "argon2",
    "lettre",
    "rusqlite",
    "r2d2_sqlite",
    "tokio_postgres",
    "jsonwebtoken",
];

const DATABASES: [&str; 4] = ["rusqlite", "r2d2_sqlite", "tokio_postgres", "postgres_types"];

const SQL: [&str; 4] = ["SELECT ", "INSERT INTO ", "DELETE FROM ", "CREATE TABLE "];

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The lines of code, without comments on lines of their own.
pub fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// The modules named after `crate::`. A group (`crate::{a, b}`) would hide them, so it is returned
/// whole.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
            .unwrap_or(rest.len());
        if end == 0 { rest } else { &rest[..end] }
    })
}

fn uses(line: &str, program: &str) -> bool {
    let named = format!("{program}::");
    line.match_indices(&named).any(|(at, _)| {
        !line[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
    })
}

#[test]
fn no_layer_imports_a_higher_one() {
    let mut faults = Vec::new();
    for (layer, allowed) in LAYERS {
        let files = files(&root().join("src").join(layer));
        assert!(!files.is_empty(), "{layer}");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for line in code(&text) {
                let wrong =
                    imports(line).filter(|module| !allowed.contains(module)).map(str::to_owned);
                let servers = HTTP_SERVERS
                    .iter()
                    .filter(|server| uses(line, server))
                    .map(|server| (*server).to_owned());
                faults.extend(
                    wrong.chain(servers).map(|module| format!("{}: {module}", file.display())),
                );
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn only_the_store_knows_sql_and_its_engines() {
    let store = root().join("src/store");
    let mut faults = Vec::new();
    for file in files(&root().join("src")).into_iter().filter(|file| !file.starts_with(&store)) {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in code(&text) {
            if DATABASES.iter().any(|engine| uses(line, engine))
                || SQL.iter().any(|begin| line.contains(begin))
            {
                faults.push(format!("{}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Generated code and handlers use the runtime; it uses neither.
#[test]
fn the_runtime_knows_nothing_of_the_product() {
    let manifest = std::fs::read_to_string(root().join("crates/specbound/Cargo.toml")).unwrap();
    let mut faults: Vec<String> = Vec::new();
    for program in PRODUCT {
        let package = program.replace('_', "-");
        faults
            .extend(manifest.lines().filter(|line| line.starts_with(&package)).map(str::to_owned));
    }
    let files = files(&root().join("crates/specbound/src"));
    assert!(files.len() > 10, "{}", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let product = ["InvenTree", "inventree", "INVENTREE", "accounts::", "sessionid", "csrf"];
        let named = code(&text).filter(|line| product.iter().any(|name| line.contains(name)));
        faults.extend(named.map(|line| format!("{}: {}", file.display(), line.trim())));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// `http` uses `api`, which names the runtime alone.
#[test]
fn generated_code_imports_no_layer() {
    let api = std::fs::read_to_string(root().join("generated/server_trait.rs")).unwrap();
    assert_eq!(code(&api).flat_map(imports).collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(api.contains("use ::specbound::"), "{api}");
}

#[test]
fn imports_are_detected() {
    assert_eq!(
        imports("use crate::http::Server; crate::api::x()").collect::<Vec<_>>(),
        ["http", "api"]
    );
    assert_eq!(imports("use crate::{http, api};").collect::<Vec<_>>(), ["{http, api};"]);
    assert!(uses("let x = rusqlite::Error", "rusqlite") && !uses("r2d2_rusqlite::x", "rusqlite"));
    assert_eq!(code("// crate::http\nuse a;").count(), 1);
}
