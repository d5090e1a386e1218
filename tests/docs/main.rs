//! The documents keep their word: their commands run, their links lead somewhere, their settings exist, and their
//! sentences use plain words.

mod commands;
#[allow(dead_code)]
#[path = "../support/inventree.rs"]
mod inventree;
mod layers;
mod links;
mod markdown;
mod settings;
mod words;
