//! Checks of the documents: commands run, links resolve, settings exist, and sentences use plain
//! words.

mod circles;
mod commands;
mod layers;
mod layout;
mod links;
mod markdown;
mod modules;
mod promises;
mod settings;
mod words;
