//! Completions and man pages, as a shell and man read them.

use std::process::{Command, Output};

use crate::PROGRAM;

fn run(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// The completions of bash for the last word of a line.
fn offered(words: &[&str]) -> Vec<String> {
    let script = run(&["completions", "bash"]);
    let asked = format!(
        "{script}\nCOMP_WORDS=({}); COMP_CWORD={}; registered=$(complete -p inventree-auth); \
         registered=${{registered#*-F }}
         ${{registered%% *}} inventree-auth \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len() - 1,
    );
    let Output { status, stdout, stderr } =
        Command::new("bash").args(["-c", &asked]).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(offered(&["inventree-auth", "us"]), ["user"]);
    assert_eq!(offered(&["inventree-auth", "user", "make"]), ["make-admin"]);
    assert_eq!(offered(&["inventree-auth", "serve", "--da"]), ["--database"]);
    assert_eq!(offered(&["inventree-auth", "spec", "export", "--format", "j"]), ["json"]);
    assert!(offered(&["inventree-auth", ""]).contains(&"import".to_owned()));
}

#[test]
fn completions_exist_for_each_shell() {
    let shells = [
        ("zsh", "#compdef inventree-auth"),
        ("fish", "complete -c inventree-auth"),
        ("powershell", "Register-ArgumentCompleter -Native -CommandName 'inventree-auth'"),
        ("elvish", "edit:completion:arg-completer[inventree-auth]"),
    ];
    for (shell, has) in shells {
        assert!(run(&["completions", shell]).contains(has), "{shell}");
    }
}

#[test]
fn the_man_page_has_commands_settings_signals_and_exit_codes() {
    let page = run(&["man"]);
    assert!(page.contains(".TH inventree-auth 1"), "{page}");
    for section in ["SYNOPSIS", "SUBCOMMANDS", "SETTINGS", "SIGNALS", "\"EXIT STATUS\"", "FILES"] {
        assert!(page.contains(&format!(".SH {section}")), "{section}");
    }
    for setting in inventree_auth::config::settings() {
        assert!(page.contains(&setting.name), "{setting:?}");
    }
}

#[test]
fn every_command_has_a_man_page_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    assert_eq!(run(&["man", "--folder", pages.to_str().unwrap()]), "");
    for page in [
        "inventree-auth",
        "inventree-auth-serve",
        "inventree-auth-user-add",
        "inventree-auth-spec-diff",
    ] {
        let text = std::fs::read_to_string(pages.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(&format!(".TH {page} 1")), "{page}: {text}");
    }
    assert!(
        std::fs::read_to_string(pages.join("inventree-auth.1")).unwrap().contains(".SH SETTINGS")
    );
}
