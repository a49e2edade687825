//! Random campaigns: a seed decides companies, what is asked, when it is stopped, what crashes and which calls fail. A seed that
//! violates an invariant is shrunk to the fewest events that still do, and printed as the command that repeats it.

use super::invariants;
use super::{Before, Prepared, Workflow, matrix};
use crate::virtually;
use consortium::artefacts::Artefacts;
use consortium::session::{Place, Session};
use local_cloud::Spec;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// Validators of each company that a scenario may have: one to three companies, one to twenty validators.
const SHAPES: &[&[u32]] = &[&[1], &[2], &[4], &[4], &[4], &[7], &[3, 1], &[2, 2], &[1, 1, 1], &[4, 2, 2], &[13], &[8, 6, 6]];

/// Actions that a random fault may hit; the matrix finds them all, these are the ones whose loss costs most.
const TARGETS: &[(&str, &str)] = &[
    ("ec2", "RunInstances"),
    ("ec2", "DescribeInstances"),
    ("ec2", "CreateTags"),
    ("ec2", "TerminateInstances"),
    ("ec2", "DeleteVolume"),
    ("ec2", "DescribeVolumes"),
    ("ec2", "CreateVpcPeeringConnection"),
    ("ec2", "AcceptVpcPeeringConnection"),
    ("ec2", "CreateRoute"),
    ("ec2", "AuthorizeSecurityGroupIngress"),
    ("ssm", "SendCommand"),
    ("ssm", "ListCommands"),
    ("ssm", "ListCommandInvocations"),
    ("s3", "PutObject"),
    ("s3", "GetObject"),
    ("lambda", "Invoke"),
    ("states", "StartExecution"),
];

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A call fails.
    Fault(String),
    /// After so many seconds somebody asks for something else.
    Ask(u64, Ask),
    /// After so many seconds a person stops the first execution.
    Stop(u64),
    /// After so many seconds the irita of that node dies.
    Crash(u64, usize),
}

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The launch, the same again.
    Launch,
    /// The removal.
    Remove,
    /// A restart of every node, one at a time.
    Restart,
}

/// What a seed means.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Seed.
    pub seed: u64,
    /// Validators of each company.
    pub companies: &'static [u32],
    /// Whether the network exists already.
    pub launched: bool,
    /// What is asked first.
    pub ask: Ask,
    /// What happens besides.
    pub events: Vec<Event>,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn of(seed: u64) -> Scenario {
        let mut rng = fastrand::Rng::with_seed(seed);
        let companies = SHAPES[rng.usize(..SHAPES.len())];
        let launched = rng.u8(..3) == 0;
        let ask = match (launched, rng.u8(..2)) {
            (false, _) => Ask::Launch,
            (true, 0) => Ask::Remove,
            (true, _) => Ask::Restart,
        };
        let mut events = vec![];
        for _ in 0..rng.u8(..4) {
            events.push(Event::Fault(fault(&mut rng)));
        }
        if rng.u8(..3) == 0 {
            let other = [Ask::Launch, Ask::Remove, Ask::Restart][rng.usize(..3)];
            events.push(Event::Ask(rng.u64(..300), other));
        }
        if rng.u8(..3) == 0 {
            events.push(Event::Stop(rng.u64(..250)));
        }
        if rng.u8(..4) == 0 {
            events.push(Event::Crash(rng.u64(..250), rng.usize(..companies.iter().sum::<u32>() as usize)));
        }
        Scenario { seed, companies, launched, ask, events }
    }
}

fn fault(rng: &mut fastrand::Rng) -> String {
    let (service, action) = TARGETS[rng.usize(..TARGETS.len())];
    let (throttled, failed, denied) = matrix::codes(service);
    let nth = 1 + rng.u64(..12);
    match rng.u8(..8) {
        0 => format!("{action}#{nth}={throttled}"),
        1 => format!("{action}#{nth}={failed}"),
        2 => format!("{action}#{nth}={denied}"),
        3 => format!("{action}#{nth}+={denied}"),
        4 => format!("{action}#{nth}=twice"),
        5 if local_cloud::can_lag(service, action) => format!("{action}#{nth}=late"),
        6 if service != "states" => format!("{action}#{nth}=died"),
        _ => format!("{action}#{nth}=lost"),
    }
}

/// Worlds that scenarios begin in, made once for each shape.
fn prepared(companies: &'static [u32], launched: bool) -> Arc<Prepared> {
    type Worlds = Mutex<BTreeMap<(&'static [u32], bool), Arc<Prepared>>>;
    static WORLDS: OnceLock<Worlds> = OnceLock::new();
    let mut worlds = WORLDS.get_or_init(Mutex::default).lock().unwrap_or_else(|p| p.into_inner());
    let make = || {
        let before = if launched { Before::Launched } else { Before::Joined };
        let workflow = Workflow { companies, before, ..Workflow::LAUNCH };
        Arc::new(super::prepare(&workflow, 1, &Artefacts::default()))
    };
    worlds.entry((companies, launched)).or_insert_with(make).clone()
}

fn input(ask: Ask, request: &Value) -> (&'static str, Value) {
    match ask {
        Ask::Launch => ("LaunchNetwork", json!({"request": request})),
        Ask::Remove => ("RemoveNetwork", json!({"network": "testnet", "keep_data": false})),
        Ask::Restart => ("OperateNodes", json!({"network": "testnet", "verb": "restart", "targets": [], "params": {}, "whole_stop": false})),
    }
}

/// Plays a scenario; `Err` = the invariant that does not hold.
pub fn play(scenario: &Scenario) -> Result<&'static str, String> {
    let prepared = prepared(scenario.companies, scenario.launched);
    virtually(async {
        let mut world = prepared.world.clone();
        // Latencies and lags are the seed's own.
        (world.seed, world.rng) = (scenario.seed, scenario.seed);
        let s = Session::with(Some(world), scenario.seed, None, &Place::default(), &Artefacts::default()).await.map_err(|f| f.to_string())?;
        let faults: Vec<Spec> = scenario.events.iter().filter_map(|e| if let Event::Fault(f) = e { Spec::parse(f).ok() } else { None }).collect();
        consortium::fault_options::apply(&s.cloud, &faults);
        let seen = invariants::watch(&s.cloud);
        act(&s, scenario).await?;
        let held = invariants::hold(&s, scenario, &seen).await;
        // The watch holds the cloud that holds it.
        s.cloud.tamper(Box::new(|_| {}));
        held
    })
}

/// Asks, stops and crashes in the order of time, then waits until nothing moves any more.
async fn act(s: &Session, scenario: &Scenario) -> Result<(), String> {
    let request = crate::companies(scenario.companies);
    let start = |ask: Ask| {
        let (machine, input) = input(ask, &request);
        let name = s.name("testnet", "campaign");
        s.cloud.start(&s.outputs[machine], &name, input).map_err(|e| format!("{ask:?} does not start: {}", e.message))
    };
    let first = start(scenario.ask)?;
    let mut timed: Vec<(u64, &Event)> = scenario
        .events
        .iter()
        .filter_map(|e| match e {
            Event::Ask(at, _) | Event::Stop(at) | Event::Crash(at, _) => Some((*at, e)),
            Event::Fault(_) => None,
        })
        .collect();
    timed.sort_by_key(|(at, _)| *at);
    let mut now = 0;
    for (at, event) in timed {
        tokio::time::sleep(Duration::from_secs(at - now)).await;
        now = at;
        match event {
            Event::Ask(_, ask) => drop(start(*ask)?),
            Event::Stop(_) => s.cloud.stop(&first, "ABORTED", "Stopped", "a person stopped it"),
            Event::Crash(_, node) => crash(s, *node),
            Event::Fault(_) => {}
        }
    }
    s.cloud.idle().await;
    Ok(())
}

/// The irita of a node dies, if it runs.
fn crash(s: &Session, node: usize) {
    let found = super::instance_of(&s.cloud.world(), &format!("node{node}"));
    found.iter().for_each(|i| s.cloud.kill_process(i));
}

/// The same scenario with the events of those places alone.
pub fn keep(scenario: &Scenario, places: &[usize]) -> Scenario {
    let events = scenario.events.iter().enumerate().filter(|(i, _)| places.contains(i)).map(|(_, e)| e.clone()).collect();
    Scenario { events, ..scenario.clone() }
}

/// The fewest events with which it still fails, by leaving out one after another.
pub fn shrink(scenario: &Scenario, fails: impl Fn(&Scenario) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scenario.events.len()).collect();
    let mut i = 0;
    while i < places.len() {
        let mut fewer = places.clone();
        fewer.remove(i);
        if fails(&keep(scenario, &fewer)) {
            places = fewer;
        } else {
            i += 1;
        }
    }
    places
}

/// What a campaign came to.
#[derive(Default)]
pub struct Report {
    /// Seeds by how they ended.
    pub ends: BTreeMap<&'static str, usize>,
    /// Seeds.
    pub tried: usize,
    /// What was violated, with the command that repeats it.
    pub violations: Vec<String>,
}

/// Plays `count` seeds from `first` on; `places` = only those events of each.
pub fn run(first: u64, count: u64, places: Option<&[usize]>, told: &(dyn Fn(&str) + Sync)) -> Report {
    let seeds: Vec<u64> = (first..first + count).collect();
    let results = super::over(&seeds, |seed| {
        let whole = Scenario::of(*seed);
        let scenario = places.map_or_else(|| whole.clone(), |p| keep(&whole, p));
        let result = play(&scenario);
        result.map_err(|why| {
            let fewest = if places.is_some() { (0..scenario.events.len()).collect() } else { shrink(&scenario, |s| play(s).is_err()) };
            let small = keep(&scenario, &fewest);
            let list: Vec<String> = fewest.iter().map(usize::to_string).collect();
            let line = format!(
                "seed {seed}: {why}\n  {:?} {:?} launched before: {}, {:?}\n  cargo run --release --bin proof -- campaign --seeds 1 --first {seed} --keep {}",
                small.ask,
                small.companies,
                small.launched,
                small.events,
                if list.is_empty() { "none".into() } else { list.join(",") }
            );
            told(&line);
            line
        })
    });
    let mut report = Report { tried: results.len(), ..Report::default() };
    for result in results {
        match result {
            Ok(end) => *report.ends.entry(end).or_default() += 1,
            Err(line) => report.violations.push(line),
        }
    }
    report
}
