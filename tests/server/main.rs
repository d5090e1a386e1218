//! The server in the test's process, asked over HTTP: one module for each area of behaviour.

mod account_pages;
mod accounts;
mod asvs;
mod audit;
mod bad_input;
mod confirmation;
mod connections;
mod cors;
mod csrf_and_logout;
mod demo;
mod email_addresses;
mod factor_limits;
mod failure;
mod forward_auth;
mod forwarded_callers;
mod identities;
mod languages;
mod large_input;
mod leaked_passwords;
mod limits;
mod mail;
mod nodes;
mod notices;
mod operating;
mod own_data;
mod pages;
mod passkeys;
mod password_resets;
mod passwords;
mod protocol;
mod races;
mod registration;
mod roles;
mod schema;
mod second_factor;
mod sessions;
mod site;
mod social;
mod tls;
mod user_api;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_inventree-auth");
