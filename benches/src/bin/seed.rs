//! Fills a database with numbered accounts, tokens and sessions for a load generator: `seed
//! DATABASE ACCOUNTS`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(database), Some(accounts)) = (arguments.next(), arguments.next()) else {
        return Err("usage: seed DATABASE ACCOUNTS".into());
    };
    benches::filling::fill(&database.parse()?, accounts.parse()?)
}
