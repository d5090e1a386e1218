//! Serves the library on 127.0.0.1:8080.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let connections = library::start(address.parse()?, Vec::new()).await?;
    println!("http://{}", connections.address());
    Ok(connections.stopped().await?)
}
