//! The article's way, as a script without a person: the same steps one after another, in the same latency model.
//!
//! In the script's favour: nobody types, reads or makes a mistake; installing Docker and copying the bytes of the keys take no time;
//! a machine may be logged in to as soon as its agent would answer. It signs no certificate of its own, checks no genesis and
//! takes no right from anybody afterwards.

use super::floor::{BLOCKS, commit_ms};
use super::launches::Subject;
use local_cloud::World;
use local_cloud::latency::{AGENT, API_CALL, BLOCK, BOOT, FORMAT, IRITA, Latency, MOUNT, PEERING_REQUEST, PEERING_SETUP, PULL, RPC_UP};

/// How often a step is done.
#[derive(Clone, Copy, PartialEq)]
enum Times {
    Once,
    EachMachine,
    EachMachineButTheFirst,
    EachPairOfAccounts,
}

/// One step.
struct Step {
    what: &'static str,
    times: Times,
    takes: &'static [&'static Latency],
}

/// One login over SSH is taken to last as long as one API call.
static LOGIN: &Latency = &API_CALL;

/// Waiting for machines to boot: done for all of them at once where one call starts them all.
static BOOTS: Step = Step { what: "run the instance, wait until it can be logged in to", times: Times::EachMachine, takes: &[&API_CALL, &BOOT, &AGENT] };

/// User data, as a part of booting.
static USER_DATA: Step =
    Step { what: "its user data: make and mount the file system, reboot, wait again", times: Times::EachMachine, takes: &[&FORMAT, &MOUNT, &AGENT] };

/// Everything up to the last start.
static STEPS: [Step; 10] = [
    Step { what: "name it, give it the security group", times: Times::EachMachine, takes: &[&API_CALL, &API_CALL] },
    Step {
        what: "peer two accounts' networks: ask, accept, wait until it is active",
        times: Times::EachPairOfAccounts,
        takes: &[&API_CALL, &PEERING_REQUEST, &API_CALL, &PEERING_SETUP],
    },
    Step { what: "their routes and rules, on both sides", times: Times::EachPairOfAccounts, takes: &[&API_CALL, &API_CALL, &API_CALL, &API_CALL] },
    Step { what: "node0: pull the image, `irita testnet` makes every node's data", times: Times::Once, takes: &[&API_CALL, &PULL, &IRITA] },
    Step { what: "copy its folder and mend the permissions", times: Times::EachMachineButTheFirst, takes: &[&API_CALL, &API_CALL] },
    Step { what: "pull the image", times: Times::EachMachineButTheFirst, takes: &[&API_CALL, &PULL] },
    Step { what: "ask for its address and peer id", times: Times::EachMachine, takes: &[&API_CALL, &IRITA] },
    Step { what: "write persistent_peers and addr_book_strict", times: Times::EachMachine, takes: &[&API_CALL] },
    Step { what: "start irita", times: Times::EachMachine, takes: &[&API_CALL, &IRITA] },
    Step { what: "wait until it answers", times: Times::EachMachine, takes: &[&RPC_UP] },
];

/// What is done while blocks are already made.
static AFTER: [Step; 2] = [
    Step { what: "recover the validator's key, list it", times: Times::EachMachine, takes: &[&API_CALL, &IRITA, &IRITA] },
    Step { what: "look at /status", times: Times::EachMachine, takes: &[&API_CALL] },
];

/// Seconds of the script. `together` = one call starts all machines of an account, and they boot at the same time.
pub fn seconds(subject: &Subject, world: &World, seed: u64, together: bool) -> f64 {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut draw = |step: &Step| step.takes.iter().map(|l| world.scaled(l, rng.u64(l.low..=l.high))).sum::<u64>();
    let times = |step: &Step| match step.times {
        Times::Once => 1,
        Times::EachMachine => subject.nodes,
        Times::EachMachineButTheFirst => subject.nodes - 1,
        Times::EachPairOfAccounts => subject.members * (subject.members - 1) / 2,
    };
    let boots: Vec<u64> = (0..subject.nodes).map(|_| draw(&BOOTS) + draw(&USER_DATA)).collect();
    let booted = if together { boots.iter().copied().max().unwrap_or(0) } else { boots.iter().sum() };
    let mut all = |steps: &[Step]| steps.iter().map(|s| (0..times(s)).map(|_| draw(s)).sum::<u64>()).sum::<u64>();
    let before = booted + all(&STEPS);
    let blocks = BLOCKS * (commit_ms(world) + world.scaled(&BLOCK, BLOCK.high));
    (before + blocks.max(all(&AFTER))) as f64 / 1000.0
}

/// The steps in words.
pub fn words() -> String {
    let names = |s: &Step| s.takes.iter().map(|l| l.name).collect::<Vec<_>>().join(" + ");
    let often = |s: &Step| match s.times {
        Times::Once => "once",
        Times::EachMachine => "each machine",
        Times::EachMachineButTheFirst => "each machine but node0",
        Times::EachPairOfAccounts => "each pair of accounts",
    };
    let line = |s: &Step| format!("| {} | {} | {} |", s.what, often(s), names(s));
    let head = [
        "The article's steps as a script, one after another (typing, mistakes, installing Docker and the bytes of a copy take no time; a login".to_string(),
        format!("over SSH is taken for one {}):", LOGIN.name),
        String::new(),
        "| step | how often | takes |".into(),
        "| --- | --- | --- |".into(),
    ];
    let last = format!("| {BLOCKS} blocks after the last start, while the next two go on | once | {BLOCKS} x (timeout_commit + block) |");
    let all = [&BOOTS, &USER_DATA].into_iter().chain(&STEPS).map(line);
    head.into_iter().chain(all).chain([last]).chain(AFTER.iter().map(line)).collect::<Vec<_>>().join("\n")
}
