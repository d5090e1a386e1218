//! Checks of the documents: commands run, links resolve, settings exist, and sentences use plain
//! words.

mod commands;
#[allow(dead_code)]
#[path = "../support/inventree.rs"]
mod inventree;
mod layers;
mod links;
mod markdown;
mod settings;
mod words;
