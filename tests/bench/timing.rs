//! Does the time of an answer tell who has an account? Known and unknown names in turns, many samples, medians.
//!
//! `timing URL SAMPLES`; the server must run with registration open and limits off. Exit code 1 beyond 10 %.

use std::time::Instant;

use serde_json::{Value, json};

const LEAST: f64 = 0.9;
const MOST: f64 = 1.1;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(base), Some(samples)) = (arguments.next(), arguments.next()) else {
        return Err("usage: timing URL SAMPLES".into());
    };
    let samples: usize = samples.parse()?;
    let http = reqwest::Client::new();
    let password = "Zebra-Quartz-77";
    let known =
        json!({ "username": "known", "email": "known@example.com", "password1": password, "password2": password });
    send(&http, &base, "registration/", &known).await?;

    let mut good = true;
    for (path, known, unknown) in [
        ("login/", json!({"username":"known","password":"wrong"}), json!({"username":"nobody","password":"wrong"})),
        ("password/reset/", json!({"email":"known@example.com"}), json!({"email":"nobody@example.com"})),
        ("registration/resend-email/", json!({"email":"known@example.com"}), json!({"email":"nobody@example.com"})),
    ] {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..samples {
            a.push(send(&http, &base, path, &known).await?);
            b.push(send(&http, &base, path, &unknown).await?);
        }
        let (a, b) = (median(a), median(b));
        let ratio = a / b;
        good &= (LEAST..=MOST).contains(&ratio);
        println!("{path:28} known {a:8.3} ms   unknown {b:8.3} ms   ratio {ratio:.3}   ({samples} samples each)");
    }
    if good { Ok(()) } else { Err("an answer's time tells who has an account".into()) }
}

async fn send(http: &reqwest::Client, base: &str, path: &str, body: &Value) -> Result<f64, reqwest::Error> {
    let started = Instant::now();
    http.post(format!("{base}/api/auth/{path}")).json(body).send().await?.bytes().await?;
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
