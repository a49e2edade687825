//! Fuzz: what people, events and the hub may send, mutated. Nothing panics, nothing invalid reaches AWS, and the error names the field.

use crate::campaign::{at_rest, over};
use consortium::artefacts::Artefacts;
use consortium::session::Session;
use domain::order::NodeOrder;
use domain::request::Request;
use domain::{Class, Fault};
use local_cloud::{Caller, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Inputs that one copy of the world gets, one after another.
const CHUNK: u64 = 250;

/// What an input is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    /// A request's text, as a person writes it.
    Text,
    /// A request that is JSON.
    Request,
    /// An order as a node gets it.
    NodeOrder,
    /// A payload of any function: what the console, EventBridge, the machines and the hub send.
    Function,
}

/// What a campaign came to.
#[derive(Default)]
pub struct Report {
    /// Inputs by entry point and by what became of them: `accepted`, or the fault's class.
    pub ends: BTreeMap<(String, String), usize>,
    /// Inputs.
    pub tried: usize,
    /// What was wrong, with the input's number.
    pub violations: Vec<String>,
}

/// What stands on the other side: a launched network of two companies, and the payloads that launching and removing it really sent.
struct Ground {
    world: World,
    /// `(function's ARN, handler, payload)`.
    payloads: Vec<(String, String, Value)>,
    requests: Vec<Value>,
    orders: Vec<Value>,
}

fn ground() -> Ground {
    crate::virtually(async {
        let request = crate::companies(&[3, 1]);
        let s = crate::session(1, &Artefacts::default()).await;
        s.cloud.record();
        crate::gather(&s, &request).await;
        assert_eq!(crate::launch(&s, &request, &[]).await.status, "SUCCEEDED");
        let world = at_rest(&s.cloud);
        s.run(
            "OperateNodes",
            "restart-1",
            json!({"network": "testnet", "verb": "restart", "targets": ["node1"], "params": {}, "whole_stop": false}),
            |_, _, _| {},
        )
        .await
        .expect("starts");
        s.remove("testnet", false, |_, _, _| {}).await.expect("starts");
        let functions = s.cloud.world().functions.clone();
        let (mut payloads, mut orders, mut seen) = (vec![], vec![], BTreeSet::new());
        for heard in s.cloud.heard() {
            let value: Value = serde_json::from_str(&heard.text).unwrap_or_default();
            if heard.channel != "function payload" {
                continue;
            }
            let theirs = |relation: Option<&String>| value["relation"].is_null() || relation.is_some_and(|r| value["relation"] == json!(r));
            let is_it = |f: &&local_cloud::world::Function| f.handler == heard.place && theirs(f.environment.get("RELATION"));
            // Of each function as many as there are shapes of its payload.
            if let (Some(f), true) = (functions.values().find(is_it), seen.insert((heard.place.clone(), shape(&value)))) {
                payloads.push((f.arn.clone(), heard.place, value));
            }
        }
        for command in s.cloud.world().commands.values() {
            orders.extend(crate::orders(&command.parameters).map(|o| json!(o)));
        }
        assert!(payloads.len() > 30 && orders.len() > 8, "{} payloads, {} orders", payloads.len(), orders.len());
        Ground { world, payloads, requests: vec![crate::request(4), request, crate::companies(&[4, 2, 2])], orders }
    })
}

/// Names of a value's members, so that payloads of one shape are one.
fn shape(value: &Value) -> String {
    let keys = |v: &Value| v.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>().join(",")).unwrap_or_default();
    format!("{};{};{}", keys(value), keys(&value["params"]), value["params"]["verb"])
}

/// Values that code stumbles over.
fn strange(rng: &mut fastrand::Rng) -> Value {
    match rng.u8(..16) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(0),
        4 => json!(u64::MAX),
        5 => json!(1.5e300),
        6 => json!(""),
        7 => json!("../../epoch/testnet"),
        8 => json!("節點\u{0}\u{202e}`$(x)`\n"),
        9 => json!("x".repeat(rng.usize(1..5000))),
        10 => json!([]),
        11 => json!({}),
        12 => json!([[[[[[[[[]]]]]]]]]),
        13 => json!({"testnet": {"like": "*"}}),
        14 => json!(rng.i32(-100_000..100_000)),
        _ => json!(["a", 1, null]),
    }
}

/// Changes one place of a value.
fn mutate(value: &mut Value, rng: &mut fastrand::Rng) {
    match value {
        Value::Object(o) if !o.is_empty() && rng.u8(..8) > 0 => {
            let key = o.keys().nth(rng.usize(..o.len())).cloned().unwrap_or_default();
            match rng.u8(..6) {
                0 => drop(o.remove(&key)),
                1 => {
                    let taken = o.remove(&key).unwrap_or_default();
                    o.insert(format!("{key}{}", ["_", "s", "\u{0}", " "][rng.usize(..4)]), taken);
                }
                2 => drop(o.insert(["document", "extra", "constructor", "Key"][rng.usize(..4)].into(), strange(rng))),
                _ => o.get_mut(&key).into_iter().for_each(|v| mutate(v, rng)),
            }
        }
        Value::Array(a) if !a.is_empty() && rng.u8(..8) > 0 => {
            let i = rng.usize(..a.len());
            match rng.u8(..5) {
                0 => drop(a.remove(i)),
                1 => a.push(a[i].clone()),
                2 => a.push(strange(rng)),
                _ => mutate(&mut a[i], rng),
            }
        }
        Value::String(text) if rng.bool() => {
            let mut chars: Vec<char> = text.chars().collect();
            let at = rng.usize(..=chars.len());
            chars.insert(at, ['"', '/', '.', ' ', 'ß', '\u{0}', '-', 'A'][rng.usize(..8)]);
            *text = chars.into_iter().collect();
        }
        Value::Number(n) if rng.bool() => *value = json!(n.as_i64().unwrap_or(1).saturating_mul([-1, 2, 1000, i64::MAX][rng.usize(..4)])),
        other => *other = strange(rng),
    }
}

/// Bytes that are nearly JSON.
fn garble(text: String, rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    for _ in 0..rng.u8(1..5) {
        let at = rng.usize(..bytes.len().max(1));
        match rng.u8(..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), rng.u8(..)),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => drop(bytes.splice(..0, *b"\xef\xbb\xbf")),
            _ => bytes.get_mut(at).into_iter().for_each(|b| *b = rng.u8(..)),
        }
    }
    bytes
}

/// Whether words name a place: something in backquotes.
fn names_a_field(message: &str) -> bool {
    message.split('`').nth(1).is_some_and(|f| !f.is_empty()) && message.matches('`').count() >= 2
}

/// What is wrong with how something was refused, if anything.
fn wrong(outcome: &Result<(), Fault>) -> Option<String> {
    match outcome {
        Err(f) if f.class == Class::Internal => Some(format!("a defect of ours: {f}")),
        Err(f) if f.class == Class::InvalidInput && !names_a_field(&f.message) => Some(format!("no field is named: {f}")),
        _ => None,
    }
}

/// One input that is only read. `Err` = what is wrong.
fn read(entry: Entry, ground: &Ground, rng: &mut fastrand::Rng) -> Result<String, String> {
    let pool = if entry == Entry::NodeOrder { &ground.orders } else { &ground.requests };
    let mut value = pool[rng.usize(..pool.len())].clone();
    (0..rng.u8(1..4)).for_each(|_| mutate(&mut value, rng));
    let text = value.to_string();
    let done = catch_unwind(AssertUnwindSafe(|| match entry {
        Entry::Text => Request::from_text(&garble(text.clone(), rng)).map(drop),
        Entry::NodeOrder => {
            use base64::Engine;
            let order = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&text);
            let order = if rng.u8(..4) == 0 { String::from_utf8_lossy(&garble(order, rng)).into_owned() } else { order };
            NodeOrder::decode(&order).and_then(|o| domain::order::only("params", &o.params, domain::order::params_of(&o.verb)?))
        }
        _ => Request::from_value(value.clone()).map(drop),
    }));
    let done = done.map_err(|_| format!("panicked at {text}"))?;
    match wrong(&done) {
        Some(why) => Err(format!("{why}\n  {text}")),
        None => Ok(done.map_or_else(|f| f.class.error_name(), |()| "accepted".into())),
    }
}

/// One payload of a function, in a world that goes on.
async fn invoke(s: &Session, ground: &Ground, rng: &mut fastrand::Rng) -> (String, Result<String, String>) {
    let (arn, handler, payload) = &ground.payloads[rng.usize(..ground.payloads.len())];
    let mut value = payload.clone();
    // Beyond the epochs that the world has seen, so that the rest of an order is looked at too.
    value.as_object_mut().into_iter().filter(|o| o.contains_key("relation")).for_each(|o| drop(o.insert("epoch".into(), json!(1000))));
    (0..rng.u8(1..4)).for_each(|_| mutate(&mut value, rng));
    // What the inputs before set going, announcements and what answers them, is not this one's.
    s.cloud.idle().await;
    let calls = |s: &Session| s.cloud.world().calls.clone();
    let before = calls(s);
    let parts: Vec<&str> = arn.split(':').collect();
    let (status, body) = Caller::new(&s.cloud, parts[4], parts[3]).invoke(arn, &value.to_string()).await;
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    let (kind, message) = (answer["errorType"].as_str().unwrap_or_default(), answer["errorMessage"].as_str().unwrap_or_default());
    let class = Class::from_error_name(kind);
    let judged = match class {
        _ if status != 200 => Err(format!("status {status}: {body}")),
        None if !kind.is_empty() => Err(format!("{kind}: {message}")),
        None => Ok("accepted".into()),
        Some(class) => {
            let fault = Fault::new(class, message);
            // A member writes down what it was ordered and what it refused, and reads its epoch; the hub reads its lock and its
            // records. Nothing else is touched. What some member did before another one refused is the order's effect there.
            let books = ["lambda:Invoke", "s3:PutObject", "s3:GetObject", "s3:ListObjectsV2"];
            let by_a_member = handler == "ask-members" && ["founder: ", "company01: "].iter().any(|m| message.contains(m));
            let touched: Vec<String> = calls(s).into_iter().filter(|(k, n)| before.get(k) != Some(n) && !books.contains(&k.as_str())).map(|(k, _)| k).collect();
            match wrong(&Err(fault)) {
                Some(why) => Err(why),
                None if class == Class::InvalidInput && !by_a_member && !touched.is_empty() => {
                    Err(format!("invalid, and yet it called {touched:?}: {message}"))
                }
                None => Ok(kind.to_string()),
            }
        }
    };
    (handler.clone(), judged.map_err(|why| format!("{handler}: {why}\n  {value}")))
}

/// Tries `count` inputs from number `first` on.
pub fn run(first: u64, count: u64, told: &(dyn Fn(&str) + Sync)) -> Report {
    let ground = ground();
    // A panic is a finding with its input, not a page of text.
    std::panic::set_hook(Box::new(|_| {}));
    let chunks: Vec<(u64, u64)> = (0..count.div_ceil(CHUNK)).map(|i| (first + i * CHUNK, CHUNK.min(count - i * CHUNK))).collect();
    let results = over(&chunks, |(from, n)| {
        let reading = (*from..from + n).filter(|i| i % 3 != 0).map(|i| {
            let mut rng = fastrand::Rng::with_seed(i);
            let entry = [Entry::Text, Entry::Request, Entry::Request, Entry::NodeOrder][rng.usize(..4)];
            (i, format!("{entry:?}"), read(entry, &ground, &mut rng))
        });
        let mut all: Vec<(u64, String, Result<String, String>)> = reading.collect();
        all.extend(crate::virtually(async {
            let (world, seed) = (ground.world.clone(), ground.world.seed);
            let s = Session::with(Some(world), seed, None, &Default::default(), &Artefacts::default()).await.expect("the stack is there");
            let mut invoked = vec![];
            for i in (*from..from + n).filter(|i| i % 3 == 0) {
                let (handler, judged) = invoke(&s, &ground, &mut fastrand::Rng::with_seed(i)).await;
                invoked.push((i, format!("{:?} {handler}", Entry::Function), judged));
            }
            invoked
        }));
        all.iter().filter_map(|(i, entry, r)| r.as_ref().err().map(|why| format!("input {i}, {entry}: {why}"))).for_each(|line| told(&line));
        all
    });
    let mut report = Report::default();
    for (i, entry, result) in results.into_iter().flatten() {
        report.tried += 1;
        match result {
            Ok(end) => *report.ends.entry((entry, end)).or_default() += 1,
            Err(why) => report.violations.push(format!("input {i}, {entry}: {why}")),
        }
    }
    report
}
