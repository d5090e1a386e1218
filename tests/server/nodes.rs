//! Several servers on one database: a change by one is visible to the others at the next request.
//!
//! Each has its own store, cache and outbox worker, like separate machines. `tests/nodes/` kills
//! real processes.

use std::collections::BTreeMap;

use futures::future::join_all;
use inventree_auth::store::AuditFilter;
use reqwest::Method;
use serde_json::{Value, json};
use test_support::database::TestDatabase;
use test_support::{PASSWORD, TestServer, confirmation_key, count_by_status, reset_link, spelling};

use crate::PROGRAM;

const NODES: usize = 3;
const CLIENTS: usize = 64;

/// Three servers on a new database.
async fn nodes(settings: &[(&str, &str)]) -> Vec<TestServer> {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::new(folder.path());
    assert!(matches!(database, TestDatabase::Server { .. }), "a file has one server");
    join_all((0..NODES).map(|_| TestServer::at_with(&database, settings))).await
}

/// Waits for `count` emails, sent by any of the servers.
async fn mails(nodes: &[TestServer], count: usize) -> Vec<inventree_auth::mail::Message> {
    for _ in 0..1000 {
        if nodes.iter().map(|node| node.mails.lock().unwrap().len()).sum::<usize>() >= count {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let sent: Vec<_> =
        nodes.iter().flat_map(|node| std::mem::take(&mut *node.mails.lock().unwrap())).collect();
    assert_eq!(sent.len(), count);
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn one_name_in_64_spellings_over_three_servers_is_registered_once() {
    let nodes = nodes(&[]).await;
    let responses = join_all((0..CLIENTS).map(|n| {
        let body = json!({
            "username": spelling("racers", n), "password1": PASSWORD, "password2": PASSWORD,
        });
        nodes[n % NODES].post("registration/", &[], body)
    }))
    .await;
    assert_eq!(count_by_status(&responses), BTreeMap::from([(201, 1), (400, CLIENTS - 1)]));
}

/// Exactly one primary address remains after 64 clients have made different ones primary at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn addresses_made_primary_by_64_clients_over_three_servers_leave_one_primary() {
    let nodes = nodes(&[]).await;
    let token = nodes[0].register("amy", "amy@example.com").await;
    let headers = [("authorization", token.as_str())];
    mails(&nodes, 1).await;
    let mut ids = Vec::new();
    for n in 0..4 {
        let email = format!("amy{n}@example.com");
        let added =
            nodes[n % NODES].post("emails/", &headers, json!({ "email": email, "user": 1 })).await;
        assert_eq!(added.status, 201, "{added:?}");
        ids.push(added.json()["pk"].as_i64().or(added.json()["id"].as_i64()).unwrap());
        nodes[0].post("registration/resend-email/", &[], json!({ "email": email })).await;
        let key = confirmation_key(&mails(&nodes, 1).await[0]);
        let confirmed = nodes[(n + 1) % NODES]
            .post("registration/verify-email/", &[], json!({ "key": key }))
            .await;
        assert_eq!(confirmed.status, 200, "{confirmed:?}");
        // The previously confirmed addresses are notified.
        mails(&nodes, n).await;
    }
    let responses = join_all((0..CLIENTS).map(|n| {
        let path = format!("emails/{}/primary/", ids[n % ids.len()]);
        let node = &nodes[n % NODES];
        async move { node.post(&path, &headers, Value::Null).await }
    }))
    .await;
    assert!(
        responses.iter().all(|response| response.status < 300),
        "{:?}",
        count_by_status(&responses)
    );
    for node in &nodes {
        let rows = node.get("emails/", &headers).await.json();
        let primaries: Vec<_> = rows["results"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["primary"] == true)
            .collect();
        assert_eq!(primaries.len(), 1, "{rows}");
        assert_eq!(node.get("user/", &headers).await.json()["email"], primaries[0]["email"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn reset_link_used_by_64_clients_over_three_servers_works_once() {
    let nodes = nodes(&[]).await;
    nodes[0].register("amy", "amy@example.com").await;
    mails(&nodes, 1).await;
    nodes[1].post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (uid, token) = reset_link(&mails(&nodes, 1).await[0]);
    let responses = join_all((0..CLIENTS).map(|n| {
        let password = format!("Quagga-Topaz-{n}");
        let body = json!({
            "uid": uid, "token": token, "new_password1": password, "new_password2": password,
        });
        nodes[n % NODES].post("password/reset/confirm/", &[], body)
    }))
    .await;
    assert_eq!(count_by_status(&responses), BTreeMap::from([(200, 1), (400, CLIENTS - 1)]));
    let winner = responses.iter().position(|response| response.status == 200).unwrap();
    for node in &nodes {
        assert_eq!(node.log_in("amy", &format!("Quagga-Topaz-{winner}")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn revocation_on_one_server_applies_at_once_on_all() {
    let nodes = nodes(&[]).await;
    nodes[0].register("amy", "").await;
    for round in 0..20 {
        let login = nodes[round % NODES].log_in("amy", PASSWORD).await;
        let token = format!("Token {}", login.json()["key"].as_str().unwrap());
        let session = format!("sessionid={}", login.cookie_value("sessionid"));
        for node in &nodes {
            // Fill the caches of all servers.
            assert_eq!(node.get("user/", &[("authorization", &token)]).await.status, 200);
            assert_eq!(node.get("user/", &[("cookie", &session)]).await.status, 200);
        }
        let ended = nodes[(round + 1) % NODES]
            .post("logout/", &[("authorization", &token)], Value::Null)
            .await;
        assert_eq!(ended.status, 200);
        let csrf = login.cookie_value("csrftoken");
        let cookies = format!("{session}; csrftoken={csrf}");
        let headers = [("cookie", cookies.as_str()), ("x-csrftoken", csrf.as_str())];
        assert_eq!(
            nodes[(round + 2) % NODES].post("logout/", &headers, Value::Null).await.status,
            200
        );
        for node in &nodes {
            assert_eq!(node.get("user/", &[("authorization", &token)]).await.status, 401);
            assert_eq!(node.get("user/", &[("cookie", &session)]).await.status, 401);
        }
    }
    let token = nodes[0].log_in("amy", PASSWORD).await;
    let token = format!("Token {}", token.json()["key"].as_str().unwrap());
    assert_eq!(nodes[1].get("user/", &[("authorization", &token)]).await.status, 200);
    nodes[2].app().store.write(|w| w.account_set_active(1, false)).await.unwrap();
    assert_eq!(nodes[1].get("user/", &[("authorization", &token)]).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn guesses_are_counted_over_all_servers_together() {
    let nodes = nodes(&[("RATE_LIMITS", "on")]).await;
    nodes[0].register("amy", "").await;
    let responses = join_all((0..CLIENTS).map(|n| nodes[n % NODES].log_in("amy", "wrong"))).await;
    assert_eq!(count_by_status(&responses), BTreeMap::from([(400, 10), (429, CLIENTS - 10)]));
    for node in &nodes {
        assert_eq!(node.log_in("amy", PASSWORD).await.status, 429);
        // Refused attempts count too.
        node.clock.advance(chrono::Duration::seconds(331));
    }
    assert_eq!(nodes[1].log_in("amy", PASSWORD).await.status, 200);
    // Empty buckets are deleted.
    for node in &nodes {
        node.clock.advance(chrono::Duration::hours(1));
    }
    nodes[2].app().limits.purge_expired(&nodes[2].app().store).await.unwrap();
    assert_eq!(nodes[0].database.number("SELECT COUNT(*) FROM attempts"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn each_email_is_sent_once_across_servers() {
    let nodes = nodes(&[]).await;
    let names: Vec<String> = (0..CLIENTS).map(|n| format!("person{n}")).collect();
    let emails: Vec<String> = names.iter().map(|name| format!("{name}@example.com")).collect();
    join_all((0..CLIENTS).map(|n| nodes[n % NODES].register(&names[n], &emails[n]))).await;
    let mut to: Vec<String> =
        mails(&nodes, CLIENTS).await.into_iter().map(|mail| mail.to).collect();
    to.sort();
    let mut expected = emails;
    expected.sort();
    assert_eq!(to, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn audit_trail_is_shared_by_all_servers() {
    let nodes = nodes(&[]).await;
    nodes[0].register("amy", "").await;
    let token = nodes[1].log_in("amy", PASSWORD).await;
    let token = format!("Token {}", token.json()["key"].as_str().unwrap());
    let headers = [("authorization", token.as_str())];
    nodes[2].send(Method::PATCH, "user/", &headers, json!({ "username": "amelia" })).await;
    let read =
        nodes[0].app().store.read(|r| r.audit_list(&AuditFilter::default(), None)).await.unwrap();
    let events: Vec<_> = read.iter().rev().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["registered", "login", "username_changed"]);
}

/// A server with a certificate for `localhost`, listening on 127.0.0.1.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn tls_to_the_database_is_verified() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let cluster = tokio::task::spawn_blocking({
        let certificate = certificate.clone();
        move || {
            let settings = [
                "fsync=off",
                "ssl=on",
                "ssl_cert_file=../server.crt",
                "ssl_key_file=../server.key",
            ];
            let settings = settings.map(str::to_owned).to_vec();
            test_support::postgres::Cluster::with(
                settings,
                &[("server.crt", &certificate), ("server.key", &key)],
            )
            .unwrap()
        }
    });
    let cluster = cluster.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (good, other) = (folder.path().join("good.pem"), folder.path().join("other.pem"));
    std::fs::write(&good, certificate).unwrap();
    std::fs::write(
        &other,
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap().cert.pem(),
    )
    .unwrap();
    let (port, good, other) =
        (cluster.port.to_string(), good.to_str().unwrap(), other.to_str().unwrap());
    let at = |host: &'static str, roots: &str| {
        let mut command = std::process::Command::new(PROGRAM);
        command
            .args(["user", "list"])
            .env_clear()
            .env("INVENTREE_SECRET_KEY", "of no importance, and of 32 characters");
        let settings = [
            ("ENGINE", "postgresql"),
            ("HOST", host),
            ("PORT", &port),
            ("NAME", "postgres"),
            ("USER", "test"),
        ];
        command.envs(settings.map(|(key, value)| (format!("INVENTREE_DB_{key}"), value)));
        command
            .env("INVENTREE_DB_TLS", "true")
            .env("INVENTREE_DB_TLS_ROOTS", roots)
            .output()
            .unwrap()
    };
    // The connection succeeds, and reports an empty database.
    let printed = String::from_utf8(at("localhost", good).stderr).unwrap();
    assert!(printed.contains("is not a database of this server"), "{printed}");
    // Another certificate, another host name, the public roots, a file without certificates.
    for (host, roots) in
        [("localhost", other), ("127.0.0.1", good), ("localhost", ""), ("localhost", "/dev/null")]
    {
        let output = at(host, roots);
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), printed.trim_end().lines().count()),
            (Some(1), 1),
            "{printed}"
        );
        assert!(printed.contains("certificate"), "{host} {roots}: {printed}");
    }
    // Requests are served over TLS to the database too.
    let database = format!("postgresql://test@localhost:{port}/postgres?sslmode=require");
    let mut serve = std::process::Command::new(PROGRAM);
    serve
        .args(["user", "add", "amy", "--password-file", "/dev/stdin", "--database", &database])
        .env_clear();
    let mut serve = serve
        .env("INVENTREE_DB_TLS_ROOTS", good)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(serve.stdin.as_mut().unwrap(), PASSWORD.as_bytes()).unwrap();
    drop(serve.stdin.take());
    assert!(serve.wait().unwrap().success());
    let encrypted = "SELECT COUNT(*) FROM accounts";
    assert_eq!(test_support::postgres::texts(cluster.port, "postgres", encrypted), ["1"]);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}

/// The kernel still acknowledges data, so only a timeout tells a frozen server from a slow one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn unresponsive_database_is_unavailable_until_it_recovers() {
    let start =
        || test_support::postgres::Cluster::with(vec!["fsync=off".to_owned()], &[]).unwrap();
    let cluster = tokio::task::spawn_blocking(start).await.unwrap();
    let database = TestDatabase::Server { name: "postgres".to_owned(), port: cluster.port };
    let server = TestServer::at_with(&database, &[("RATE_LIMITS", "on")]).await;
    let token = server.register("amy", "").await;
    let frozen = cluster.freeze();
    // Bypasses the contract check: the document has no 503.
    let of = |path: &str| format!("{}/api/auth/{path}", server.base);
    let login = json!({ "username": "amy", "password": PASSWORD });
    let requests = [
        server.http.get(of("user/")).header("authorization", &token),
        server.http.get(of("emails/")).header("authorization", &token),
        server.http.post(of("login/")).json(&login),
        server.http.post(of("password/reset/")).json(&json!({ "email": "amy@example.com" })),
    ];
    let patience = std::time::Duration::from_secs(30);
    let responses =
        join_all(requests.map(|request| tokio::time::timeout(patience, server.page(request))))
            .await;
    for response in responses {
        assert_eq!(response.expect("a response").status, 503);
    }
    drop(frozen);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.json()["username"], "amy");
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    drop(server);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
