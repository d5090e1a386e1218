//! Fills a database with accounts, tokens and sessions that a load generator can count through: `seed FILE ACCOUNTS`.

#[path = "filling.rs"]
mod filling;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(accounts)) = (arguments.next(), arguments.next()) else {
        return Err("usage: seed FILE ACCOUNTS".into());
    };
    filling::fill(file.as_ref(), accounts.parse()?)
}
