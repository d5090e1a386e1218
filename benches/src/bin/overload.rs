//! Overload test: ordinary clients beside thousands of slow, silent or excess clients.
//!
//! `overload BINARY [--small]` runs the real server on a file. Each part measures an ordinary
//! client before, during and after the load, and the server's peak memory and open files. Exits
//! with 1 if an ordinary client is refused or cut off without need, a refusal is not the
//! documented one, or a resource exceeds its limit. Times are printed but not judged, as they
//! depend on the machine.

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use benches::flood::Flood;
use benches::process::Process;
use benches::raw::{Failure, Response, all_accepted, ask, median, post, times};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// In addition to hashing, which takes 19 MiB per core.
const MAX_MEMORY_MIB: f64 = 256.0;
/// Memory that may remain in use after large bodies.
const MAX_RETAINED_MIB: f64 = 24.0;
/// The server's limits: 4,096 connections, 32 closing ones, 512 other files.
const MAX_FILES: usize = 4096 + 32 + 512;
const PASSWORD: &str = "Zebra-Quartz-77";

/// The sizes of the loads.
struct Plan {
    connections: usize,
    large: usize,
    seconds: u64,
}

const FULL: Plan = Plan { connections: 10_000, large: 64, seconds: 30 };
const SMALL: Plan = Plan { connections: 2_000, large: 16, seconds: 5 };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (binary, plan) = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [binary] => ((*binary).to_owned(), FULL),
        [binary, "--small"] => ((*binary).to_owned(), SMALL),
        _ => {
            eprintln!("usage: overload BINARY [--small]");
            return ExitCode::from(2);
        }
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run(&binary, &plan))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overload: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(binary: &str, plan: &Plan) -> Result<(), Failure> {
    raise_open_files(plan.connections + 1000)?;
    let folder = tempfile::tempdir()?;
    let server = Process::start("/api/auth/providers/", &folder.path().join("log"), |port| {
        let mut command = Command::new(binary);
        command
            .args(["serve", "--bind", &format!("127.0.0.1:{port}"), "--database"])
            .arg(folder.path().join("db"));
        command.env("INVENTREE_LOGIN_ENABLE_REG", "true").env("INVENTREE_RATE_LIMITS", "off");
        command.env("INVENTREE_LOG_LEVEL", "error");
        command
    })?;
    // Two accounts, since an account holds a limited number of tokens and each login makes one.
    register(server.port, "amy").await?;
    let key = register(server.port, "bea").await?;
    let fixture = Fixture { server: Arc::new(server), key };
    slow(&fixture, plan).await?;
    large(&fixture, plan).await?;
    costly(&fixture, plan).await?;
    too_many(&fixture, plan).await?;
    println!("all that must hold held");
    Ok(())
}

/// Registers an account and returns its token.
async fn register(port: u16, username: &str) -> Result<String, Failure> {
    let body = json!({"username": username, "password1": PASSWORD, "password2": PASSWORD});
    let made = ask(port, &post("registration/", &body.to_string())).await?;
    let key = made.text.rsplit('"').nth(1).unwrap_or_default().to_owned();
    expect(made.status == 201 && !key.is_empty(), &format!("{username} cannot register"))?;
    Ok(key)
}

struct Fixture {
    server: Arc<Process>,
    /// The token that reads are made with, of an account that does not log in.
    key: String,
}

impl Fixture {
    fn read(&self) -> Vec<u8> {
        format!(
            "GET /api/auth/user/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Token \
             {}\r\n\r\n",
            self.key
        )
        .into_bytes()
    }

    fn login() -> Vec<u8> {
        post("login/", &format!("{{\"username\":\"amy\",\"password\":\"{PASSWORD}\"}}"))
    }

    /// Runs `many` clients for some time, each sending one request after the other on new
    /// connections.
    async fn clients(
        &self,
        many: usize,
        request: Vec<u8>,
        time: Duration,
    ) -> Result<Vec<Response>, Failure> {
        let (until, port, request) = (Instant::now() + time, self.server.port, Arc::new(request));
        let mut clients = JoinSet::new();
        for _ in 0..many {
            let request = Arc::clone(&request);
            clients.spawn(async move {
                let mut responses = Vec::new();
                while Instant::now() < until {
                    responses.push(ask(port, &request).await?);
                }
                Ok::<_, Failure>(responses)
            });
        }
        let mut all = Vec::new();
        while let Some(client) = clients.join_next().await {
            all.extend(client??);
        }
        Ok(all)
    }

    /// Reads and logins of an ordinary client, all of which must succeed.
    async fn ordinary(&self, when: &str, time: Duration) -> Result<(), Failure> {
        let (reads, logins) = tokio::join!(
            self.clients(4, self.read(), time),
            self.clients(1, Fixture::login(), time)
        );
        let (reads, logins) = (reads?, logins?);
        for response in reads.iter().chain(&logins) {
            expect(
                response.status == 200,
                &format!("{when}: {} for an ordinary client: {}", response.status, response.text),
            )?;
        }
        println!(
            "  {when}: {} reads, {}; {} logins, {}",
            reads.len(),
            times(&reads),
            logins.len(),
            times(&logins)
        );
        Ok(())
    }
}

/// Monitors a process in the background.
struct Watch {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(f64, usize)>,
}

impl Watch {
    fn start(server: &Arc<Process>) -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let (server, is_over) = (Arc::clone(server), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let (mut memory, mut files) = (0.0_f64, 0);
            while !is_over.load(Ordering::Relaxed) {
                memory = memory.max(server.memory_mib());
                files = files.max(server.open_files());
                std::thread::sleep(Duration::from_millis(50));
            }
            (memory, files)
        });
        Watch { over, thread }
    }

    fn stop(self) -> Result<(), Failure> {
        self.over.store(true, Ordering::Relaxed);
        let (memory, files) = self.thread.join().map_err(|_| "the watch broke")?;
        println!("  at most {memory:.0} MiB (PSS) and {files} open files");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        expect(memory <= MAX_MEMORY_MIB + 19.0 * cores as f64, "more memory than that")?;
        expect(files <= MAX_FILES, "more files than that")
    }
}

/// Clients that send nothing, half a head, half a body or no HTTP/2 frame, or never read
/// responses.
async fn slow(fixture: &Fixture, plan: &Plan) -> Result<(), Failure> {
    println!(
        "{} slow and silent connections, each opened again when it is closed",
        plan.connections
    );
    let time = Duration::from_secs(plan.seconds);
    fixture.ordinary("before", time / 3).await?;
    let watch = Watch::start(&fixture.server);
    let (open, opened) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut silent = JoinSet::new();
    for number in 0..plan.connections {
        let (port, open, opened) = (fixture.server.port, Arc::clone(&open), Arc::clone(&opened));
        silent.spawn(async move {
            loop {
                open.fetch_add(1, Ordering::Relaxed);
                opened.fetch_add(1, Ordering::Relaxed);
                let _ = hold(port, number).await;
                open.fetch_sub(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
    }
    // Wait until all have connected.
    while opened.load(Ordering::Relaxed) < plan.connections {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fixture.ordinary("meanwhile", time).await?;
    println!(
        "  {} connections were opened, {} at the end",
        opened.load(Ordering::Relaxed),
        open.load(Ordering::Relaxed)
    );
    watch.stop()?;
    silent.shutdown().await;
    fixture.ordinary("after", time / 3).await
}

/// Holds a connection until it is closed.
async fn hold(port: u16, number: usize) -> Result<(), Failure> {
    const HALF_A_BODY: &[u8] = b"POST /api/auth/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: \
            application/json\r\nContent-Length: 60000\r\n\r\n{";
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const UNREAD: &[u8] = b"GET /api/schema/ HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    match number % 6 {
        0 => {}
        // Occasional bytes.
        1 => {
            for byte in b"GET /api/auth/user/ HTTP/1.1\r\nX-Slow: ".iter().cycle() {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        2 => {
            stream.write_all(HALF_A_BODY).await?;
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stream.write_all(b"{").await?;
            }
        }
        3 => stream.write_all(PREFACE).await?,
        4 => {
            // Almost a complete head of the maximum size.
            stream.write_all(b"GET / HTTP/1.1\r\nX-Long: ").await?;
            stream.write_all(&[b'x'; 30_000]).await?;
        }
        _ => {
            for _ in 0..20 {
                stream.write_all(UNREAD).await?;
            }
            // Responses are not read; a write detects the close.
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stream.write_all(b"GET").await?;
            }
        }
    }
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Bodies of 100 MB without Content-Length, and heads of 1 MB.
async fn large(fixture: &Fixture, plan: &Plan) -> Result<(), Failure> {
    println!(
        "{} clients send bodies of 100 MB, and as many heads of 1 MB, again and again",
        plan.large
    );
    let watch = Watch::start(&fixture.server);
    let mut clients = JoinSet::new();
    let [bodies, heads, resets] = std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)));
    for _ in 0..plan.large {
        let (port, bodies, early) = (fixture.server.port, Arc::clone(&bodies), Arc::clone(&resets));
        clients.spawn(async move {
            loop {
                match send_chunks(port).await {
                    Ok(413 | 503) => bodies.fetch_add(1, Ordering::Relaxed),
                    Err(_) => early.fetch_add(1, Ordering::Relaxed),
                    Ok(other) => {
                        return Err(Failure::from(format!("100 MB were answered {other}")));
                    }
                };
            }
        });
        let (port, heads, early) = (fixture.server.port, Arc::clone(&heads), Arc::clone(&resets));
        clients.spawn(async move {
            let head =
                [b"GET / HTTP/1.1\r\nX-Long: ".to_vec(), vec![b'x'; 1 << 20], b"\r\n\r\n".to_vec()]
                    .concat();
            loop {
                match ask(port, &head).await {
                    Ok(Response { status: 431, .. }) => heads.fetch_add(1, Ordering::Relaxed),
                    Err(_) => early.fetch_add(1, Ordering::Relaxed),
                    Ok(other) => {
                        return Err(Failure::from(format!(
                            "a head of 1 MB was answered {other:?}"
                        )));
                    }
                };
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    fixture.ordinary("meanwhile", Duration::from_secs(plan.seconds) / 2).await?;
    if let Some(ended) = clients.try_join_next() {
        let _: Result<(), Failure> = ended?;
        return Err("a client ended".into());
    }
    let [bodies, heads, resets] =
        [bodies, heads, resets].map(|count| count.load(Ordering::Relaxed));
    // Data sent after the server has closed causes a reset, which may discard the response.
    println!(
        "  {bodies} bodies and {heads} heads were refused, {resets} more cut off before their \
         response was read"
    );
    expect(bodies > 0 && heads > 0, "not one response was read")?;
    watch.stop()?;
    clients.shutdown().await;
    Ok(())
}

/// Bodies of the maximum size that are slow to parse.
async fn costly(fixture: &Fixture, plan: &Plan) -> Result<(), Failure> {
    println!("4 clients send bodies of 2.5 MB that are costly to parse, one after the other");
    let time = Duration::from_secs(plan.seconds) / 2;
    let before = fixture.clients(4, fixture.read(), time).await?;
    let memory = fixture.server.memory_mib();
    let watch = Watch::start(&fixture.server);
    let flood = Flood::start(fixture.server.port, 4);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let meanwhile = fixture.clients(4, fixture.read(), time).await?;
    let refused = tokio::task::spawn_blocking(|| flood.stop()).await??;
    watch.stop()?;
    println!(
        "  {refused} bodies were refused; reads before: {}; meanwhile: {}",
        times(&before),
        times(&meanwhile)
    );
    all_accepted("reads meanwhile", &meanwhile)?;
    // Twice the latency, plus the cost of as many clients as cores on one machine.
    let most = median(&before) * 2 + Duration::from_millis(5);
    expect(median(&meanwhile) <= most, "an ordinary client waits for others' bodies")?;
    for _ in 0..100 {
        if fixture.server.memory_mib() <= memory + MAX_RETAINED_MIB {
            println!("  {:.0} MiB behind them, {memory:.0} before", fixture.server.memory_mib());
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("{:.0} MiB are kept behind them, {memory:.0} before", fixture.server.memory_mib())
        .into())
}

async fn send_chunks(port: u16) -> Result<u16, Failure> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = b"POST /api/auth/login/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: \
        application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head).await?;
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 1 << 16], b"\r\n".to_vec()].concat();
    let (mut reading, mut writing) = stream.split();
    let sending = async {
        for _ in 0..1600 {
            if writing.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    let response = async {
        let mut response = vec![0; 12];
        reading.read_exact(&mut response).await.map(|_| response)
    };
    tokio::pin!(sending, response);
    let response = tokio::select! {
        response = &mut response => response?,
        () = &mut sending => response.await?,
    };
    Ok(std::str::from_utf8(&response)?.split(' ').nth(1).unwrap_or_default().parse()?)
}

/// Ten times as many logins as the machine can hash, at a constant rate, regardless of responses.
async fn too_many(fixture: &Fixture, plan: &Plan) -> Result<(), Failure> {
    let time = Duration::from_secs(plan.seconds);
    let before = fixture.clients(8, Fixture::login(), time / 3).await?;
    all_accepted("logins before", &before)?;
    let capacity = before.len() as f64 / (time / 3).as_secs_f64();
    println!("{:.0} logins a second, where {capacity:.0} can be hashed", capacity * 10.0);
    println!("  before: {}", times(&before));
    let watch = Watch::start(&fixture.server);
    let (port, login) = (fixture.server.port, Arc::new(Fixture::login()));
    let mut asked = JoinSet::new();
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / (capacity * 10.0)));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let started = Instant::now();
    while started.elapsed() < time {
        tick.tick().await;
        let login = Arc::clone(&login);
        asked.spawn(async move { ask(port, &login).await });
    }
    let reads = fixture.clients(2, fixture.read(), Duration::from_secs(1)).await?;
    all_accepted("reads right behind them", &reads)?;
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    while let Some(response) = asked.join_next().await {
        let response = response??;
        match response.status {
            200 => accepted.push(response),
            503 => refused.push(response),
            other => return Err(format!("{other}: {}", response.text).into()),
        }
    }
    for response in &refused {
        let is_documented =
            response.text.contains("{\"detail\":\"The server is busy. Please try again.\"}");
        expect(is_documented && response.text.contains("retry-after: "), &response.text)?;
    }
    let rate = accepted.len() as f64 / time.as_secs_f64();
    println!("  {} taken, {rate:.0} a second, {}", accepted.len(), times(&accepted));
    println!("  {} refused, {}", refused.len(), times(&refused));
    println!("  reads right behind them: {}", times(&reads));
    watch.stop()?;
    let after = fixture.clients(8, Fixture::login(), time / 3).await?;
    all_accepted("logins after", &after)?;
    println!("  after: {}", times(&after));
    expect(!refused.is_empty(), "that was no overload")
}

fn expect(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(what.to_owned().into()) }
}

fn raise_open_files(wanted: usize) -> Result<(), Failure> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let most =
        limit.maximum.map_or(usize::MAX, |maximum| usize::try_from(maximum).unwrap_or(usize::MAX));
    expect(
        most >= wanted,
        &format!("{wanted} open files are needed here, and {most} allowed: ulimit -Hn"),
    )
}
