//! The files of a new server project, and the handlers that a later document adds to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Project;
use crate::schemes::{CredentialLocation, Scheme};
use crate::{Generated, Mode};

/// A file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Below the project's folder.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// The names that a new project has.
#[derive(Debug, Clone)]
pub struct Layout<'a> {
    /// Of the package.
    pub name: &'a str,
    /// The document's file name.
    pub document: &'a str,
    /// How `build.rs` reads it.
    pub mode: Mode,
    /// Where the crates of specbound come from.
    pub dependencies: Dependencies<'a>,
}

/// Where the crates of specbound come from.
#[derive(Debug, Clone, Copy)]
pub enum Dependencies<'a> {
    /// The registry.
    Registry,
    /// A folder with the crates `specbound`, `specbound-codegen` and `specbound-contract`.
    Folder(&'a str),
}

/// Crates that generated code needs for some formats.
const OF_FORMATS: [(&str, &str); 2] = [
    ("chrono", r#"{ version = "0.4", default-features = false, features = ["serde"] }"#),
    ("uuid", r#"{ version = "1", features = ["serde"] }"#),
];

/// Crates that the code for callbacks and webhooks needs.
const OF_SENDERS: &str = r#"progenitor-client = "0.15.1"
reqwest = { version = "0.13", default-features = false, features = [{{client_features}}, "rustls"] }
"#;

/// The module of callbacks and webhooks.
const SENDERS: &str = r#"
/// Sends the callbacks and webhooks of the document.
#[allow(missing_docs, unused_imports, clippy::all)]
pub mod senders {
    use crate::api::types;
    include!(concat!(env!("OUT_DIR"), "/senders.rs"));
}
"#;

impl Generated {
    /// The files of a new project, but for the document.
    pub fn project_files(&self, layout: &Layout<'_>) -> Vec<File> {
        let project = &self.project;
        let is_lenient = layout.mode == Mode::Lenient;
        let krate = layout.name.replace('-', "_");
        // `box` is a name of a package, and a word of Rust.
        let is_word = syn::parse_str::<syn::Ident>(&krate).is_err();
        let krate = if is_word { format!("r#{krate}") } else { krate };
        let needed = |name: &str| {
            let used = format!("{name}::");
            [&self.server, &self.client, &self.senders].iter().any(|text| text.contains(&used))
        };
        let mut of_formats = String::new();
        for (name, source) in OF_FORMATS.iter().filter(|(name, _)| needed(name)) {
            let _ = writeln!(of_formats, "{name} = {source}");
        }
        if !self.senders.is_empty() {
            of_formats.push_str(OF_SENDERS);
        }
        let mut features = r#""form", "json", "query", "stream""#.to_owned();
        if [&self.client, &self.senders].iter().any(|text| text.contains("::multipart::")) {
            features.push_str(r#", "multipart""#);
        }
        let source = |name: &str| match layout.dependencies {
            Dependencies::Registry => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
            Dependencies::Folder(folder) => {
                format!("{{ path = {:?} }}", format!("{folder}/{name}"))
            }
        };
        let fill = |template: &str| {
            let values = [
                ("name", layout.name),
                ("crate", krate.as_str()),
                ("document", layout.document),
                ("title", one_line(&project.title)),
                ("lenient", if is_lenient { ".lenient()" } else { "" }),
                ("lenient_option", if is_lenient { " --lenient" } else { "" }),
                ("specbound", &source("specbound")),
                ("codegen", &source("specbound-codegen")),
                ("contract", &source("specbound-contract")),
                ("server_dependencies", &of_formats),
                ("senders", if self.senders.is_empty() { "" } else { SENDERS }),
                ("client_features", &features),
                ("schemes", &project.scheme_rows()),
            ];
            let mut text = template.to_owned();
            for (name, value) in values {
                text = text.replace(&format!("{{{{{name}}}}}"), value);
            }
            text
        };
        let written = [
            ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
            ("build.rs", include_str!("template/build.rs.txt")),
            ("src/lib.rs", include_str!("template/lib.rs.txt")),
            ("src/main.rs", include_str!("template/main.rs.txt")),
            ("src/server.rs", include_str!("template/server.rs.txt")),
            ("tests/operations.rs", include_str!("template/operations_test.rs.txt")),
            ("Containerfile", include_str!("template/Containerfile.txt")),
            (".github/workflows/ci.yml", include_str!("template/ci.yml.txt")),
            ("README.md", include_str!("template/README.md.txt")),
            (".gitignore", include_str!("template/gitignore.txt")),
        ];
        let files = written
            .into_iter()
            .map(|(path, template)| File { path: path.to_owned(), text: fill(template) });
        files.chain(project.missing_handlers(&[])).collect()
    }
}

fn one_line(title: &str) -> &str {
    title.lines().next().unwrap_or_default()
}

impl Project {
    fn scheme_rows(&self) -> String {
        let row = |scheme: &Scheme| {
            let location = match &scheme.location {
                CredentialLocation::Authorization(word) => format!("Authorization({word:?})"),
                CredentialLocation::Header(name) => format!("Header({name:?})"),
                CredentialLocation::Query(name) => format!("Query({name:?})"),
                CredentialLocation::Cookie(name) => format!("Cookie({name:?})"),
                CredentialLocation::Certificate | CredentialLocation::Unsupported => {
                    "Unsupported".to_owned()
                }
            };
            format!("        ({:?}, Scheme::{location}),\n", scheme.name)
        };
        self.schemes.iter().map(row).collect()
    }

    /// The files of `src/handlers/` that change when the operations without a handler get one:
    /// each with its text so far (`known`) at its head, as it stands.
    pub fn missing_handlers(&self, known: &[File]) -> Vec<File> {
        let text_of = |path: &str| known.iter().find(|file| file.path == path).map(|f| &f.text);
        let functions: BTreeSet<String> =
            known.iter().flat_map(|file| functions(&file.text)).collect();
        let mut added: BTreeMap<&str, String> = BTreeMap::new();
        for handler in self.handlers.iter().filter(|handler| !functions.contains(&handler.name)) {
            let text = added.entry(&handler.module).or_default();
            let _ = write!(text, "\n{}", handler.code);
        }
        let mut list = text_of(LIST).cloned().unwrap_or_else(|| {
            "//! The handlers, by the first tag of their operations.\n\n".to_owned()
        });
        let mut files = Vec::new();
        for (module, code) in added {
            let path = format!("{FOLDER}/{module}.rs");
            let head = text_of(&path).cloned().unwrap_or_else(|| {
                let line = format!("mod {module};\npub use {module}::*;\n");
                if !list.contains(&line) {
                    list.push_str(&line);
                }
                format!("//! Handlers of `{module}`.\n\nuse crate::prelude::*;\n")
            });
            files.push(File { path, text: head + &code });
        }
        if text_of(LIST) != Some(&list) {
            files.push(File { path: LIST.to_owned(), text: list });
        }
        files
    }
}

const FOLDER: &str = "src/handlers";
const LIST: &str = "src/handlers/mod.rs";

/// The names of the functions in a file. A file that is no Rust has the names that stand after
/// `fn`.
fn functions(text: &str) -> Vec<String> {
    let words = text.split("fn ").skip(1);
    words
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}
