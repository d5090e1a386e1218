//! The cost of the runtime beside serde: a JSON body of a hundred fields, read by serde alone and
//! with constraint tables, which find every bad field; and the same fields as a response.
//! `constraints [ROUNDS]`.
//!
//! Both are timed in turns, and the median ratio counts, so that other load disturbs both alike.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use dropshot::HttpResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use specbound::body::BodyLimits;
use specbound::{Bound, Formats, Kind, Property, Reply, Response, StatusCode, json_response};
use specbound::{HasConstraints, Input};

/// Bodies that are read in a round, by each side.
const BODIES: u32 = 500;

const NONE: Property = Property { required: true, ..Property::new("", Kind::Any) };

/// Four fields in a row: a text with a length, an integer with bounds, a boolean and a number.
macro_rules! fields {
    ($($text:ident $number:ident $flag:ident $amount:ident;)*) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        struct Fields {
            $($text: String, $number: i64, $flag: bool, $amount: f64,)*
        }

        impl Fields {
            fn example() -> Fields {
                Fields {
                    $($text: concat!("a text of ", stringify!($text)).to_owned(), $number: 41,
                      $flag: true, $amount: 2.5,)*
                }
            }
        }

        impl HasConstraints for Fields {
            const PROPERTIES: &'static [Property] = &[
                $(
                    Property {
                        name: stringify!($text),
                        kind: Kind::Text,
                        min_length: Some(1),
                        max_length: Some(50),
                        ..NONE
                    },
                    Property {
                        name: stringify!($number),
                        kind: Kind::Integer,
                        minimum: Some(Bound { value: 0.0, exclusive: false }),
                        maximum: Some(Bound { value: 99.0, exclusive: false }),
                        ..NONE
                    },
                    Property { name: stringify!($flag), kind: Kind::Boolean, ..NONE },
                    Property {
                        name: stringify!($amount),
                        kind: Kind::Number,
                        minimum: Some(Bound { value: 0.0, exclusive: true }),
                        ..NONE
                    },
                )*
            ];
        }
    };
}

fields! {
    text_00 number_00 flag_00 amount_00;
    text_01 number_01 flag_01 amount_01;
    text_02 number_02 flag_02 amount_02;
    text_03 number_03 flag_03 amount_03;
    text_04 number_04 flag_04 amount_04;
    text_05 number_05 flag_05 amount_05;
    text_06 number_06 flag_06 amount_06;
    text_07 number_07 flag_07 amount_07;
    text_08 number_08 flag_08 amount_08;
    text_09 number_09 flag_09 amount_09;
    text_10 number_10 flag_10 amount_10;
    text_11 number_11 flag_11 amount_11;
    text_12 number_12 flag_12 amount_12;
    text_13 number_13 flag_13 amount_13;
    text_14 number_14 flag_14 amount_14;
    text_15 number_15 flag_15 amount_15;
    text_16 number_16 flag_16 amount_16;
    text_17 number_17 flag_17 amount_17;
    text_18 number_18 flag_18 amount_18;
    text_19 number_19 flag_19 amount_19;
    text_20 number_20 flag_20 amount_20;
    text_21 number_21 flag_21 amount_21;
    text_22 number_22 flag_22 amount_22;
    text_23 number_23 flag_23 amount_23;
    text_24 number_24 flag_24 amount_24;
}

fn by_serde(sent: &[u8]) -> Result<Fields, Box<dyn Error>> {
    Ok(serde_json::from_slice(sent)?)
}

fn by_runtime(sent: &[u8]) -> Result<Fields, Box<dyn Error>> {
    Input::<Fields>::read_json(sent, &Formats::DEFAULT, &BodyLimits::DEFAULT)
        .map_err(|why| format!("{why:?}").into())
}

/// As dropshot writes a response without this crate.
fn written_by_serde(response: &Fields) -> Result<Response, Box<dyn Error>> {
    Ok(json_response(StatusCode::OK, serde_json::to_vec(&response.clone())?))
}

fn written_by_runtime(response: &Fields) -> Result<Response, Box<dyn Error>> {
    Reply::<200, Fields>::new(response.clone()).to_result().map_err(|why| format!("{why:?}").into())
}

fn time<T>(work: &impl Fn() -> Result<T, Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    for _ in 0..BODIES {
        black_box(work()?);
    }
    Ok(started.elapsed() / BODIES)
}

/// The median of the rounds by ratio: the time by serde, that by the runtime, and the ratio.
fn compare<T>(
    rounds: usize,
    serde: impl Fn() -> Result<T, Box<dyn Error>>,
    runtime: impl Fn() -> Result<T, Box<dyn Error>>,
) -> Result<String, Box<dyn Error>> {
    let mut rows = Vec::new();
    for _ in 0..rounds.max(1) {
        rows.push((time(&serde)?, time(&runtime)?));
    }
    let ratio =
        |(serde, runtime): &(Duration, Duration)| serde.as_secs_f64() / runtime.as_secs_f64();
    rows.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let median = &rows[rows.len() / 2];
    let ratio = ratio(median);
    Ok(format!("serde alone {:?}, by the runtime {:?}, ratio {ratio:.2}", median.0, median.1))
}

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(41), |rounds| rounds.parse::<usize>())?;
    let example = Fields::example();
    let sent = serde_json::to_vec(&example)?;
    if by_serde(&sent)? != example || by_runtime(&sent)? != example {
        return Err("a body was read as another one".into());
    }
    println!("{} fields, {} bytes", Fields::PROPERTIES.len(), sent.len());
    let read = compare(rounds, || by_serde(black_box(&sent)), || by_runtime(black_box(&sent)))?;
    println!("request body: {read}");
    let written = compare(
        rounds,
        || written_by_serde(black_box(&example)),
        || written_by_runtime(black_box(&example)),
    )?;
    println!("response: {written}");
    Ok(())
}
