//! A package written at run time and built with cargo: for code with generated parts that must
//! compile, fail to compile, or run.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::{root, temporary_folder};

pub struct Package {
    folder: PathBuf,
}

impl Package {
    /// An empty package with this package's dependencies, features and profile, so that cargo
    /// reuses the builds of the other tests.
    pub fn new(name: &str) -> Package {
        let folder = temporary_folder().expect("a test").join(name);
        let _ = std::fs::remove_dir_all(folder.join("examples"));
        std::fs::create_dir_all(folder.join("examples")).unwrap();
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let root = root();
        let own = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n{}\
             inventree-auth = {{ path = {root:?} }}\n[profile.dev]{}",
            dependencies(&own, root.to_str().unwrap()),
            own.split_once("[profile.dev]").unwrap().1,
        );
        std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(folder.join("src/lib.rs"), "").unwrap();
        // The same versions, so that nothing is downloaded.
        std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        Package { folder }
    }

    /// Adds the program `examples/<name>.rs`.
    pub fn add(&self, name: &str, code: &str) {
        std::fs::write(self.folder.join(format!("examples/{name}.rs")), code).unwrap();
    }

    pub fn cargo(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO"))
            .args(arguments)
            .args(["--offline", "--color", "never"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", temporary_folder().expect("a test").join(".."))
            .env_remove("RUSTFLAGS")
            .output()
            .unwrap()
    }
}

/// The text of one section of a manifest.
pub fn section<'a>(manifest: &'a str, name: &str) -> &'a str {
    manifest.split_once(&format!("\n[{name}]\n")).unwrap().1.split_once("\n[").unwrap().0
}

/// The sections `workspace.dependencies` and, last, `dependencies`, with this package's
/// dependencies and dev-dependencies. For a crate in both, the latter entry is used, as it has
/// more features.
pub fn dependencies(own: &str, root: &str) -> String {
    let for_tests = section(own, "dev-dependencies");
    let name = |line: &str| line.split_once(" = ").map(|(name, _)| format!("\n{name} = "));
    let open_postgres: String = section(own, "dependencies")
        .lines()
        .filter(|line| name(line).is_none_or(|name| !format!("\n{for_tests}").contains(&name)))
        .map(|line| format!("{line}\n"))
        .collect();
    format!(
        "[workspace.dependencies]\n{}\n[dependencies]\n{open_postgres}{for_tests}\n",
        section(own, "workspace.dependencies")
    )
    .replace("path = \"crates", &format!("path = \"{root}/crates"))
    .replace("path = \"generated", &format!("path = \"{root}/generated"))
    .replace("path = \"tests", &format!("path = \"{root}/tests"))
}
