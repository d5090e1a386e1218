//! The admin server: health, readiness and metrics on an address of its own.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use test_support::database::TestDatabase;
use test_support::{PASSWORD, TestServer};

const SHOWN: (&str, &str) = ("METRICS_BIND", "127.0.0.1:0");

async fn start() -> TestServer {
    TestServer::with(&[SHOWN]).await
}

/// Every sample by name and labels, parsed strictly: HELP and TYPE before the samples of a family,
/// one `# EOF` at the end.
async fn metrics(server: &TestServer) -> BTreeMap<String, f64> {
    let response = server.admin("/metrics").await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = String::from_utf8(response.body).unwrap();
    let (samples, rest) = text.split_once("# EOF\n").unwrap();
    assert_eq!(rest, "");
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut read = BTreeMap::new();
    for line in samples.lines() {
        if let Some(described) = line.strip_prefix("# ") {
            let words: Vec<&str> = described.splitn(3, ' ').collect();
            match words[..] {
                ["TYPE", family, kind] => {
                    assert!(types.insert(family, kind).is_none(), "{family} twice")
                }
                ["HELP", _, help] => assert!(help.len() > 5, "{line}"),
                ["UNIT", family, unit] => assert!(family.ends_with(unit), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let bare = name.split('{').next().unwrap();
        assert!(
            ["inventree_auth_", "process_"].iter().any(|prefix| bare.starts_with(prefix)),
            "{line}"
        );
        let known = ["", "_total", "_bucket", "_sum", "_count", "_info"];
        assert!(
            known
                .iter()
                .any(|end| bare.strip_suffix(end).is_some_and(|family| types.contains_key(family))),
            "{line}"
        );
        assert!(read.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{line} twice");
    }
    read
}

fn requests(operation: &str, method: &str, status: u16) -> String {
    format!(
        "inventree_auth_http_requests_total\
         {{operation=\"{operation}\",method=\"{method}\",status=\"{status}\"}}"
    )
}

#[tokio::test]
async fn health_and_metrics_are_off_by_default_and_never_on_the_api_port() {
    let server = TestServer::start().await;
    assert!(server.admin_address().is_none());
    let shown = start().await;
    for (server, path) in
        [(&server, "/metrics"), (&shown, "/metrics"), (&shown, "/healthz"), (&shown, "/readyz")]
    {
        let response = server.run(server.http.get(format!("{}{path}", server.base))).await;
        assert_eq!(response.status, 404);
        assert_eq!(response.json()["detail"], "API endpoint not found");
    }
}

#[tokio::test]
async fn working_server_is_healthy_and_ready() {
    let server = start().await;
    for (path, says) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let response = server.admin(path).await;
        assert_eq!((response.status, response.body.as_slice()), (200, says.as_bytes()));
        assert_eq!(response.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(response.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_not_served() {
    let server = start().await;
    let address = server.admin_address().unwrap();
    let ask =
        |method, path| server.page(server.http.request(method, format!("http://{address}{path}")));
    assert_eq!(ask(Method::GET, "/").await.status, 404);
    assert_eq!(ask(Method::GET, "/metrics/").await.status, 404);
    let refused = ask(Method::POST, "/metrics").await;
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"));
    let head = ask(Method::HEAD, "/readyz").await;
    assert_eq!((head.status, head.body.as_slice()), (200, &b""[..]));
}

/// Three times as many silent connections as there are slots.
#[tokio::test]
async fn idle_connections_do_not_block_the_admin_server() {
    use tokio::io::AsyncReadExt;
    let server = start().await;
    let mut idle = Vec::new();
    for _ in 0..192 {
        idle.push(tokio::net::TcpStream::connect(server.admin_address().unwrap()).await.unwrap());
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.admin(path).await.status, 200);
    }
    assert_eq!(server.get("providers/", &[]).await.status, 200);
    let mut closed = 0;
    for stream in &mut idle {
        let mut buffer = [0];
        let read =
            tokio::time::timeout(std::time::Duration::from_millis(5), stream.read(&mut buffer));
        closed += usize::from(matches!(read.await, Ok(Ok(0) | Err(_))));
    }
    assert!((128..192).contains(&closed), "{closed} of 192 closed");
}

#[tokio::test]
async fn locked_database_makes_a_server_unready_until_it_is_unlocked() {
    let server = start().await;
    let lock = server.database.lock();
    let started = std::time::Instant::now();
    let response = server.admin("/readyz").await;
    assert_eq!(
        (response.status, response.body.as_slice()),
        (503, &b"not ready: the database cannot be written\n"[..])
    );
    assert_eq!(server.admin("/healthz").await.status, 200);
    // A scrape does not wait for the writer.
    assert!(metrics(&server).await.contains_key("inventree_auth_emails_waiting"));
    assert!(started.elapsed().as_secs() < 10);
    drop(lock);
    // An earlier check may still be waiting for the lock.
    for _ in 0..100 {
        if server.admin("/readyz").await.status == 200 {
            return;
        }
    }
    panic!("it does not come back");
}

#[tokio::test]
async fn each_request_counts_once_by_operation_method_and_status() {
    let server = start().await;
    let token = server.register("amy", "amy@example.com").await;
    server.log_in("amy", PASSWORD).await;
    server.log_in("amy", "wrong").await;
    server.log_in("amy", "wrong").await;
    server.get("user/", &[("Authorization", &token)]).await;
    server.send(Method::HEAD, "user/", &[("Authorization", &token)], Value::Null).await;
    server.send(Method::DELETE, "user/", &[("Authorization", &token)], Value::Null).await;
    let read = metrics(&server).await;
    for (sample, count) in [
        (requests("auth_registration_create", "POST", 201), 1.0),
        (requests("auth_login_create", "POST", 200), 1.0),
        (requests("auth_login_create", "POST", 400), 2.0),
        (requests("auth_user_retrieve", "GET", 200), 1.0),
        (requests("auth_user_retrieve", "HEAD", 200), 1.0),
        (requests("-", "DELETE", 405), 1.0),
        ("inventree_auth_http_requests_in_flight".to_owned(), 0.0),
        (
            "inventree_auth_http_request_duration_seconds_count{operation=\"auth_login_create\"}"
                .to_owned(),
            3.0,
        ),
    ] {
        assert_eq!(read.get(&sample), Some(&count), "{sample} in {read:#?}");
    }
}

#[tokio::test]
async fn unknown_paths_create_no_new_series() {
    let server = start().await;
    let series =
        |read: &BTreeMap<String, f64>| -> BTreeSet<String> { read.keys().cloned().collect() };
    server.get("no/such/path/", &[]).await;
    let before = series(&metrics(&server).await);
    for n in 0..1000 {
        server.run(server.http.get(format!("{}/{n}/secret-{n}/", server.base))).await;
    }
    let read = metrics(&server).await;
    assert_eq!(series(&read), before);
    assert_eq!(read[&requests("-", "GET", 404)], 1001.0);
}

#[tokio::test]
async fn hashes_writes_and_emails_are_counted() {
    let server = start().await;
    let before = metrics(&server).await;
    server.register("amy", "amy@example.com").await;
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    server.take_mails(2).await;
    // The last write deletes the second email from the outbox.
    let mut read = metrics(&server).await;
    for _ in 0..500 {
        if read["inventree_auth_emails_waiting"] == 0.0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        read = metrics(&server).await;
    }
    let grew = |name: &str| {
        read[&format!("inventree_auth_{name}")] - before[&format!("inventree_auth_{name}")]
    };
    assert_eq!(grew("hash_duration_seconds_count"), 1.0);
    assert!(grew("write_batch_size_count") >= 2.0);
    assert!(grew("write_batch_size_sum") >= grew("write_batch_size_count"));
    // One of each per transaction. The callers of the last one may be answered before it is
    // counted.
    let (timed, batches) =
        (grew("write_transaction_duration_seconds_count"), grew("write_batch_size_count"));
    assert!((timed - batches).abs() <= 1.0, "{timed} and {batches}");
    assert_eq!(read["inventree_auth_hashes_waiting"], 0.0);
    assert_eq!(read["inventree_auth_password_hashes_rejected_total"], 0.0);
    assert_eq!(read["inventree_auth_write_transactions_failed_total"], 0.0);
    match &server.database {
        TestDatabase::File(_) => {
            assert!(read["inventree_auth_database_size_bytes"] >= 4096.0);
            assert!(read["inventree_auth_database_log_size_bytes"] > 0.0);
        }
        TestDatabase::Server { .. } => {
            assert!(!read.contains_key("inventree_auth_database_size_bytes"))
        }
    }
    assert_eq!(read["inventree_auth_build_info{version=\"0.1.0\"}"], 1.0);
    assert_eq!(read["inventree_auth_emails_sent_total"], 2.0);
    assert_eq!(read["inventree_auth_emails_dropped_total"], 0.0);
    assert_eq!(read["inventree_auth_log_lines_dropped_total"], 0.0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn metrics_of_the_process_are_those_of_the_kernel() {
    let server = start().await;
    let before = metrics(&server).await;
    let files: Vec<std::fs::File> =
        (0..50).map(|_| std::fs::File::open("/proc/self/status").unwrap()).collect();
    server.register("amy", "amy@example.com").await;
    let read = metrics(&server).await;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((now - 600.0..=now).contains(&read["process_start_time_seconds"]));
    assert!(read["process_cpu_seconds_total"] > before["process_cpu_seconds_total"]);
    for (name, line) in [("resident", "VmRSS"), ("virtual", "VmSize")] {
        let ratio = read[&format!("process_{name}_memory_bytes")] / bytes(line);
        assert!((0.5..2.0).contains(&ratio), "{name}: {ratio}");
    }
    // Tests that run beside this one open and close files too.
    assert!(read["process_open_fds"] >= files.len() as f64);
    assert!(read["process_max_fds"] >= read["process_open_fds"]);
    assert!(read["process_threads"] >= 2.0);
}

/// The value of a counter with one label.
fn outcome(read: &BTreeMap<String, f64>, name: &str, label: &str, value: &str) -> f64 {
    let sample = format!("inventree_auth_{name}_total{{{label}=\"{value}\"}}");
    *read.get(&sample).unwrap_or_else(|| panic!("no {sample} in {read:#?}"))
}

#[tokio::test]
async fn logins_are_counted_by_outcome() {
    let server = TestServer::with(&[SHOWN, ("RATE_LIMITS", "true")]).await;
    assert_eq!(outcome(&metrics(&server).await, "logins", "outcome", "success"), 0.0);
    server.register("amy", "amy@example.com").await;
    server.log_in("amy", PASSWORD).await;
    for _ in 0..10 {
        assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    }
    assert_eq!(server.log_in("amy", "wrong").await.status, 429);
    let read = metrics(&server).await;
    assert_eq!(outcome(&read, "logins", "outcome", "success"), 1.0);
    assert_eq!(outcome(&read, "logins", "outcome", "rejected"), 10.0);
    assert_eq!(outcome(&read, "logins", "outcome", "throttled"), 1.0);
    assert_eq!(outcome(&read, "logins", "outcome", "failed"), 0.0);
    assert_eq!(outcome(&read, "throttled", "purpose", "login"), 1.0);
}

#[tokio::test]
async fn login_without_second_factor_has_its_own_outcome() {
    let server = TestServer::with(&[
        SHOWN,
        ("LOGIN_ENFORCE_MFA", "true"),
        ("ADMIN_USER", "root"),
        ("ADMIN_PASSWORD", PASSWORD),
    ])
    .await;
    assert_eq!(server.log_in("root", PASSWORD).await.status, 403);
    let read = metrics(&server).await;
    assert_eq!(outcome(&read, "logins", "outcome", "second_factor_required"), 1.0);
    assert_eq!(outcome(&read, "logins", "outcome", "success"), 0.0);
}

#[tokio::test]
async fn expiry_of_the_certificate_in_use_is_shown() {
    let name = "inventree_auth_tls_certificate_expiry_timestamp_seconds";
    assert!(!metrics(&start().await).await.contains_key(name));
    let folder = tempfile::tempdir().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2033, 5, 18);
    let key = rcgen::KeyPair::generate().unwrap();
    let files = ["fullchain.pem", "privkey.pem"].map(|name| folder.path().join(name));
    std::fs::write(&files[0], params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&files[1], key.serialize_pem()).unwrap();
    let [certificate, key] = files.map(|file| file.to_str().unwrap().to_owned());
    let server =
        TestServer::with(&[SHOWN, ("TLS_CERTIFICATE", &certificate), ("TLS_KEY", &key)]).await;
    // 2033-05-18T00:00:00Z
    assert_eq!(metrics(&server).await[name], 1_999_987_200.0);
}

#[tokio::test]
async fn registrations_and_resets_are_counted_by_outcome() {
    let server = start().await;
    server.register("amy", "amy@example.com").await;
    let weak = json!({ "username": "bob", "password1": "12345678", "password2": "12345678" });
    assert_eq!(server.post("registration/", &[], weak).await.status, 400);
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let bad = json!({
        "uid": "1", "token": "x-y", "new_password1": PASSWORD, "new_password2": PASSWORD,
    });
    assert_eq!(server.post("password/reset/confirm/", &[], bad).await.status, 400);
    let read = metrics(&server).await;
    assert_eq!(outcome(&read, "registrations", "outcome", "success"), 1.0);
    assert_eq!(outcome(&read, "registrations", "outcome", "rejected"), 1.0);
    assert_eq!(outcome(&read, "password_resets", "outcome", "requested"), 1.0);
    assert_eq!(outcome(&read, "password_resets", "outcome", "rejected"), 1.0);
    assert_eq!(outcome(&read, "password_resets", "outcome", "success"), 0.0);
}

#[tokio::test]
async fn age_of_a_queued_email_is_exported() {
    // Nothing listens on this port, so the mail server is unreachable.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = inventree_auth::mail::transport::SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: None,
        password: None,
        tls: false,
        ssl: false,
        sender: "auth@example.com".to_owned(),
        sender_name: String::new(),
        reply_to: None,
        site_url: String::new(),
        roots: None,
    };
    let transport = inventree_auth::mail::transport::Transport::smtp(settings).unwrap();
    let server = TestServer::with_transport(&[SHOWN], Some(transport)).await;
    server.register("amy", "amy@example.com").await;
    server.clock.advance(chrono::Duration::minutes(7));
    let read = metrics(&server).await;
    assert_eq!(read["inventree_auth_emails_waiting"], 1.0);
    assert_eq!(read["inventree_auth_email_oldest_age_seconds"], 420.0);
    assert_eq!(read["inventree_auth_emails_sent_total"], 0.0);
}

/// An alert on a metric that does not exist never fires.
#[tokio::test]
async fn every_metric_of_the_documented_alerts_exists() {
    let server = start().await;
    assert_ne!(server.log_in("nora", PASSWORD).await.status, 500);
    let read = metrics(&server).await;
    // Exported with their first event, or with TLS; tests of their own.
    let later = ["throttled_total", "provider_errors_total", "timestamp_seconds"];
    let page = include_str!("../../docs/operating.md");
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let named: BTreeSet<&str> = page
        .split(|letter| !is_name(letter))
        .filter(|word| word.starts_with("inventree_auth_"))
        .collect();
    assert!(named.len() >= 8, "{named:?}");
    // PostgreSQL has an exporter of its own for its disk.
    let is_file = matches!(server.database, TestDatabase::File(_));
    let expected = named
        .iter()
        .filter(|name| is_file || !name.contains("disk_"))
        .filter(|name| !later.iter().any(|late| name.ends_with(late)));
    let missing: Vec<&&str> = expected
        .filter(|name| !read.keys().any(|sample| sample.split('{').next() == Some(*name)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
