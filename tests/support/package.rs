//! A package that a test writes at run time and gives to the real cargo: for code that must compile, must not compile,
//! or must run, and that contains what the generator makes of some document.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Package {
    folder: PathBuf,
}

impl Package {
    /// Empty, with this package's own dependencies. With the same features and profile, cargo finds what it has built
    /// for the other tests.
    pub fn new(name: &str) -> Package {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(folder.join("examples"));
        std::fs::create_dir_all(folder.join("examples")).unwrap();
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let root = env!("CARGO_MANIFEST_DIR");
        let own = std::fs::read_to_string(Path::new(root).join("Cargo.toml")).unwrap();
        let section = |from: &str, to: &str| own.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
        let for_tests = section("\n[dev-dependencies]\n", "\n[");
        let named = |line: &str| line.split_once(" = ").map(|(name, _)| format!("\n{name} = "));
        // What tests want with more features than the server counts once.
        let of_server: Vec<String> = section("\n[dependencies]\n", "\n[")
            .lines()
            .filter(|line| named(line).is_none_or(|named| !format!("\n{for_tests}").contains(&named)))
            .map(|line| format!("{line}\n"))
            .collect();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [workspace.dependencies]\n{}\n[dependencies]\ninventree-auth = {{ path = {root:?} }}\n{}{}[profile.dev]{}",
            section("\n[workspace.dependencies]\n", "\n["),
            of_server.concat(),
            for_tests,
            own.split_once("[profile.dev]").unwrap().1,
        )
        .replace("path = \"crates", &format!("path = \"{root}/crates"))
        .replace("path = \"generated", &format!("path = \"{root}/generated"));
        std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(folder.join("src/lib.rs"), "").unwrap();
        // The same versions as here, and nothing from the network that is not here already.
        std::fs::copy(Path::new(root).join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
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
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join(".."))
            .env_remove("RUSTFLAGS")
            .output()
            .unwrap()
    }
}
