//! What whole-system tests share: a world, a workflow in it, and a checker that reads the world directly.

pub mod bench;
pub mod campaign;
pub mod forms;
pub mod fuzz;
pub mod gzip;
pub mod real;
pub mod secrets;

use consortium::artefacts::Artefacts;
use consortium::lang::Lang;
use consortium::out::{Out, Said};
use consortium::report;
use consortium::session::{ACCOUNT, Outcome, Place, Session};
use consortium::work::Work;
use domain::ids;
use domain::order::NodeOrder;
use domain::request::Request;
use local_cloud::{Cloud, Spec};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

/// The smallest request.
pub fn request(validators: u32) -> Value {
    json!({"network": "testnet", "chain_id": "testnet", "size": "test", "validators": validators, "allow_no_fault_tolerance": validators < 4})
}

/// A request of companies with so many validators each, the founder first; every second one is in Ireland.
pub fn companies(validators: &[u32]) -> Value {
    let one = |(i, n): (usize, &u32)| {
        let name = if i == 0 { "founder".to_string() } else { format!("company{i:02}") };
        let account = if i == 0 { ACCOUNT.to_string() } else { format!("{:012}", 222_200_000_000u64 + i as u64) };
        json!({"name": name, "account": account, "region": if i % 2 == 0 { "us-east-1" } else { "eu-west-1" }, "validators": n})
    };
    let members: Vec<Value> = validators.iter().enumerate().map(one).collect();
    let total: u32 = validators.iter().sum();
    json!({"network": "testnet", "chain_id": "testnet", "size": "test", "members": members, "allow_no_fault_tolerance": total < 4})
}

/// Every company of a request joins.
pub async fn gather(session: &Session, request: &Value) {
    let request = Request::from_value(request.clone()).expect("a valid request");
    session.gather(&request).await.expect("everybody joins");
}

/// ARN of the execution that a person started: children's names begin with their parent's.
pub fn whole(cloud: &Cloud, execution: &str) -> String {
    let world = cloud.world();
    let family = world.executions.values().filter(|e| execution.starts_with(&e.name));
    family.min_by_key(|e| e.name.len()).map(|e| e.arn.clone()).expect("known")
}

/// Changes every node order among a command's parameters.
pub fn change_orders(parameters: &mut Value, change: impl Fn(&mut NodeOrder)) {
    for text in parameters.as_object_mut().into_iter().flatten().filter_map(|(_, v)| v.get_mut(0)) {
        if let Some(mut order) = text.as_str().and_then(|t| NodeOrder::decode(t).ok()) {
            change(&mut order);
            *text = json!(order.encode().expect("an order encodes"));
        }
    }
}

/// Node orders among a command's parameters.
pub fn orders(parameters: &Value) -> impl Iterator<Item = NodeOrder> {
    let texts = parameters.as_object().into_iter().flatten().filter_map(|(_, v)| v[0].as_str());
    texts.filter_map(|t| NodeOrder::decode(t).ok())
}

/// Runs a future in virtual time.
pub fn virtually<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

/// A world with the shipped stack, or with a defective one.
pub async fn session(seed: u64, artefacts: &Artefacts) -> Session {
    Session::with(None, seed, None, &Place::default(), artefacts).await.expect("the stack deploys")
}

/// Launches with faults, each as `--fault` has it.
pub async fn launch(session: &Session, request: &Value, faults: &[String]) -> Outcome {
    let specs: Vec<Spec> = faults.iter().map(|f| Spec::parse(f).expect("a fault")).collect();
    consortium::fault_options::apply(&session.cloud, &specs);
    session.launch(request, "testnet", |_, _, _| {}).await.expect("starts")
}

/// Carries work out and gives the exit code and everything that was said.
pub async fn said(s: &Session, lang: Lang, work: Work) -> (u8, Vec<Said>) {
    let all: Arc<Mutex<Vec<Said>>> = Arc::default();
    let here = all.clone();
    let out = Out::to(move |said| here.lock().expect("unpoisoned").push(said)).speaking(lang);
    let code = match work.run(s, &out).await {
        Ok(code) => code,
        Err(fault) => out.refuse(&fault, work.json()),
    };
    let said = all.lock().expect("unpoisoned").clone();
    (code, said)
}

/// What the world shows after a workflow. The checker never asks a function of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum World {
    /// The network runs as asked, every validator signs, nothing else exists.
    AsAsked,
    /// Nothing of the network exists and its lock is free.
    AsBefore,
    /// Anything else, in words.
    Wrong(String),
}

/// Looks at a world in which `validators` were asked for.
pub async fn look(session: &Session, validators: usize) -> World {
    let cloud = &session.cloud;
    let left = report::left(cloud, "testnet");
    let found = report::network(cloud, "testnet").await;
    let alive = {
        let now = cloud.now_ms();
        let world = cloud.world();
        for (id, tags) in world.instances.values().map(|i| (&i.id, &i.tags)).chain(world.volumes.values().map(|v| (&v.id, &v.tags))) {
            for tag in [ids::TAG_NETWORK, ids::TAG_MEMBER, ids::TAG_EXECUTION, ids::TAG_BATCH] {
                if !tags.contains_key(tag) {
                    return World::Wrong(format!("{id} has no tag {tag}"));
                }
            }
        }
        world.instances.values().filter(|i| i.state(now) != "terminated").count()
    };
    if !left.is_empty() {
        return World::Wrong(format!("left: {}", left.iter().map(report::Left::to_string).collect::<Vec<_>>().join(", ")));
    }
    let state = found.as_ref().map(|f| f.manifest.state.clone()).unwrap_or_default();
    if state != "launched" {
        return if alive == 0 { World::AsBefore } else { World::Wrong(format!("{alive} machines run and the record says `{state}`")) };
    }
    let before = found.map(|f| f.height).unwrap_or(0);
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    let Some(after) = report::network(cloud, "testnet").await else { return World::Wrong("the record is gone".into()) };
    let signing = after.nodes.iter().filter(|n| n.signing).count();
    match (after.height > before, signing == validators, alive == validators, after.double_signs.is_empty()) {
        (true, true, true, true) => World::AsAsked,
        (grows, _, _, clean) => World::Wrong(format!("grows {grows}, {signing} of {validators} sign, {alive} machines run, no double sign {clean}")),
    }
}

/// Actions that a launch of `validators` calls, found by recording one.
pub fn actions_of_a_launch(validators: u32) -> Vec<String> {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        launch(&s, &request(validators), &[]).await;
        let world = s.cloud.world();
        let mut found: Vec<String> = world.calls.keys().filter_map(|k| k.split(':').nth(1).map(String::from)).collect();
        found.dedup();
        found
    })
}

/// Everything that the members have, one line of JSON each: machines, disks, keys, rules, roles, functions, policies and objects. What a
/// running chain writes on its disks is not part of it, nor are a member's own log and epochs unless `books` says so.
pub fn footprint(session: &Session, books: bool) -> BTreeMap<String, String> {
    let world = session.cloud.world();
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    fn all<T: Serialize>(lines: &mut BTreeMap<String, String>, kind: &str, things: &BTreeMap<String, T>) {
        lines.extend(things.iter().map(|(id, thing)| (format!("{kind} {id}"), json!(thing).to_string())));
    }
    all(&mut lines, "instance", &world.instances);
    all(&mut lines, "thing", &world.plain);
    all(&mut lines, "peering", &world.peerings);
    all(&mut lines, "role", &world.roles);
    all(&mut lines, "function", &world.functions);
    all(&mut lines, "bus", &world.bus_policies);
    all(&mut lines, "stack", &world.stacks);
    for (id, volume) in &world.volumes {
        lines.insert(format!("volume {id}"), json!(local_cloud::world::Volume { files: BTreeMap::new(), ..volume.clone() }).to_string());
    }
    for (name, bucket) in &world.buckets {
        lines.insert(format!("bucket {name}"), bucket.policy.to_string());
        let shown = bucket.objects.iter().filter(|(key, _)| books || !(key.starts_with("log/") || key.starts_with("epoch/")));
        lines.extend(shown.map(|(key, object)| (format!("object {name}/{key}"), object.etag.clone())));
    }
    lines
}

/// The last states of every execution and what became of it: what a failing test shows.
pub fn story(session: &Session) -> String {
    let world = session.cloud.world();
    let line = |e: &local_cloud::world::Execution| {
        let last: Vec<&str> = e.states.iter().rev().take(4).map(|(_, s)| s.as_str()).collect();
        format!("{}: {} {} {} after {}", e.name, e.status, e.error, e.cause, last.into_iter().rev().collect::<Vec<_>>().join(" > "))
    };
    world.executions.values().map(line).collect::<Vec<_>>().join("\n")
}
