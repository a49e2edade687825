//! How many whole launches with a fault each this computer simulates a minute. The world is looked at after each.

use super::many::cores;
use super::{profile, table::Row};
use crate::{World, launch, look, request, session, story, virtually};
use consortium::artefacts::Artefacts;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a launch without faults calls, and how often.
fn calls() -> BTreeMap<String, u64> {
    virtually(async {
        let s = session(1, &Artefacts::default()).await;
        s.cloud.take_note();
        launch(&s, &request(4), &[]).await;
        let notes = s.cloud.take_note();
        let mut found = BTreeMap::new();
        for (name, n) in notes.calls.values().flatten() {
            *found.entry(name.split(':').nth(1).unwrap_or_default().to_string()).or_default() += n;
        }
        found
    })
}

/// A fault for a seed: any call of a launch, in any of four ways.
fn fault(calls: &BTreeMap<String, u64>, seed: u64) -> String {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut nth = rng.u64(0..calls.values().sum());
    let how = ["lost", "twice", "died", "UnauthorizedOperation"][rng.usize(0..4)];
    for (action, n) in calls {
        if nth < *n {
            return format!("{action}#{}={how}", nth + 1);
        }
        nth -= n;
    }
    String::new()
}

/// One launch; what is wrong with the world after it, if anything. A reported leftover after a refusal is right.
fn one(calls: &BTreeMap<String, u64>, seed: u64) -> Option<String> {
    let fault = fault(calls, seed);
    virtually(async {
        let s = session(seed, &Artefacts::default()).await;
        let outcome = launch(&s, &request(4), std::slice::from_ref(&fault)).await;
        match look(&s, 4).await {
            World::AsAsked | World::AsBefore => None,
            World::Wrong(_) if s.cloud.world().executions.values().any(|e| e.error == "Fault.Orphaned") => None,
            World::Wrong(why) => Some(format!("seed {seed}, {fault}: {why}; {:?}\n{}", outcome.error, story(&s))),
        }
    })
}

/// Processor seconds of this process so far, in user mode; the kernel counts in hundredths. 0 where there is no /proc.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name, in brackets, may have spaces; user time is the twelfth field after it.
    let ticks = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(11)).and_then(|t| t.parse::<f64>().ok());
    ticks.unwrap_or_default() / 100.0
}

/// Launches on every core for so many seconds.
pub fn row(seconds: u64) -> Result<Row, String> {
    let calls = calls();
    let (next, began, before) = (AtomicU64::new(1), Instant::now(), cpu_s());
    let until = began + Duration::from_secs(seconds);
    let worker = || {
        let (mut done, mut wrong) = (0u64, vec![]);
        while Instant::now() < until {
            wrong.extend(one(&calls, next.fetch_add(1, Ordering::Relaxed)));
            done += 1;
        }
        (done, wrong)
    };
    let all: Vec<(u64, Vec<String>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().map(|t| t.join().map_err(|_| "a launch panicked".to_string())).collect::<Result<_, _>>()
    })?;
    let took = began.elapsed().as_secs_f64();
    let wrong: Vec<&String> = all.iter().flat_map(|(_, w)| w).collect();
    if let Some(first) = wrong.first() {
        return Err(format!("{} launches with a fault ended in a wrong world, the first: {first}", wrong.len()));
    }
    let done: u64 = all.iter().map(|(n, _)| n).sum();
    let rate = done as f64 / took * 60.0;
    // A computer with other work gives this less than its cores: what one launch used says how much of the rate is that.
    let used = (cpu_s() - before) / done as f64;
    let value =
        format!("{rate:.0} ({} build, {} cores, {done} in {took:.0} s, {:.0} ms of processor each, each world checked)", profile(), cores(), used * 1000.0);
    let figures = json!({"a_minute": rate, "runs": done, "seconds": took, "cpu_s_each": used, "cores": cores(), "build": profile()});
    Ok(Row { name: "launches with a fault simulated a minute".into(), value, goal: ">= 1,000 on 2 cores, release".into(), met: Some(rate >= 1000.0), figures })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_calls_that_a_launch_makes() {
        let calls = BTreeMap::from([("GetObject".to_string(), 3), ("RunInstances".to_string(), 2)]);
        let all: Vec<String> = (0..200).map(|seed| fault(&calls, seed)).collect();
        assert!(all.iter().any(|f| f.starts_with("RunInstances#2=")) && all.iter().any(|f| f.starts_with("GetObject#1=")), "{all:?}");
        assert!(all.iter().all(|f| local_cloud::Spec::parse(f).is_ok() && !f.contains("#0=") && !f.contains("RunInstances#3")), "{all:?}");
    }
}
