//! Shell completions and man pages, generated from the command definitions so that they cannot
//! diverge.

use std::fs::{DirBuilder, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Failure, failure, print};
use crate::config;

#[derive(Args)]
pub struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args)]
pub struct ManualPages {
    /// Write a page for each command to this folder, created if missing, instead of printing the
    /// main page.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

pub fn completions(
    Completions { shell }: &Completions,
    mut program: Command,
) -> Result<(), Failure> {
    let (name, mut script) = (program.get_name().to_owned(), Vec::new());
    clap_complete::generate(*shell, &mut program, name, &mut script);
    print(&String::from_utf8(script).map_err(failure)?)
}

pub fn pages(ManualPages { folder }: &ManualPages, program: Command) -> Result<(), Failure> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        first_page(program, &mut page).map_err(failure)?;
        return print(&String::from_utf8(page).map_err(failure)?);
    };
    let named = |e: std::io::Error| failure(format!("{}: {e}", folder.display()));
    write_all(program, folder).map_err(named)
}

fn write_all(program: Command, folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).create(folder)?;
    clap_mangen::generate_to(program.clone(), folder)?;
    first_page(program, &mut File::create(folder.join("inventree-auth.1"))?)
}

/// The main page, with sections that clap does not generate.
fn first_page(program: Command, page: &mut dyn Write) -> std::io::Result<()> {
    let man = Man::new(program);
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    man.render_subcommands_section(page)?;
    let mut rest = Roff::new();
    rest.control("SH", ["SETTINGS"]);
    rest.text([roman("From the environment or from --config FILE, the environment first.")]);
    for setting in config::settings() {
        let help = [setting.summary(), setting.plain_help()].join(". ");
        rest.control("TP", [])
            .text([bold(setting.name)])
            .text([roman(help.trim_end_matches(". "))]);
    }
    rest.control("SH", ["SIGNALS"]);
    for (name, does) in SIGNALS {
        rest.control("TP", []).text([bold(name)]).text([roman(does)]);
    }
    rest.control("SH", ["EXIT STATUS"]);
    for (code, means) in EXIT_STATUS {
        rest.control("TP", []).text([bold(code)]).text([roman(means)]);
    }
    rest.control("SH", ["FILES"]);
    for (file, holds) in FILES {
        rest.control("TP", []).text([bold(file)]).text([roman(holds)]);
    }
    rest.to_writer(page)?;
    man.render_version_section(page)
}

const SIGNALS: [(&str, &str); 2] = [
    (
        "SIGTERM, SIGINT",
        "shut down gracefully: requests in flight complete, the current email is sent, writes are \
         durable.",
    ),
    ("SIGHUP", "reload the TLS certificate and its key."),
];

const EXIT_STATUS: [(&str, &str); 3] = [
    ("0", "success; spec diff: equivalent, or with two documents no breaking change."),
    ("1", "failure, with one line on standard error; spec diff: different."),
    ("2", "usage error; spec diff: unusable input."),
];

const FILES: [(&str, &str); 2] = [
    (
        "inventree-auth.sqlite3",
        "the database, unless INVENTREE_DB_NAME or --database names another.",
    ),
    (
        "inventree-auth.sqlite3.secret_key",
        "the secret key, generated at the first start unless INVENTREE_SECRET_KEY is set.",
    ),
];
