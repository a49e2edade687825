//! Many launches at once, one thread a core, and what they show together.

use super::launches::{Launch, Subject, run};
use local_cloud::latency::{ALL, Ground};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// Cores of this computer.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does `one` for every number up to `count`, on all cores; gives the results in order.
fn each<T: Send>(count: u64, one: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let worker = || {
        let mut done = vec![];
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return done;
            }
            done.push((n, one(n)));
        }
    };
    let mut all: Vec<(u64, T)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap_or_default()).collect()
    });
    all.sort_by_key(|(n, _)| *n);
    all.into_iter().map(|(_, t)| t).collect()
}

/// Launches with the seeds from 1 on.
pub fn launches(subject: &Subject, seeds: u64, scale: &BTreeMap<String, f64>) -> Result<Vec<Launch>, String> {
    let done: Vec<Launch> = each(seeds, |n| run(subject, n + 1, scale)).into_iter().collect::<Result<_, _>>()?;
    // A thread that panicked takes its launches with it.
    if done.len() as u64 == seeds { Ok(done) } else { Err(format!("{} of {seeds} launches of {} ended", done.len(), subject.name)) }
}

/// A quantile of figures, by the nearest rank.
pub fn quantile(figures: impl IntoIterator<Item = f64>, q: f64) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// How both launches move with one latency.
pub struct Moved {
    /// Latency.
    pub name: &'static str,
    /// How well it is founded.
    pub ground: &'static str,
    /// p50 of (seconds, ratio to the floor): 4 nodes at half and double, 100 nodes at half and double.
    pub cells: [(f64, f64); 4],
    /// Launches of 4 and of 100 nodes behind each.
    pub runs: (u64, u64),
}

impl Moved {
    /// As JSON.
    pub fn json(&self) -> Value {
        let cell = |(seconds, ratio): (f64, f64)| json!({"p50_s": seconds, "ratio_p50": ratio});
        let [a, b, c, d] = self.cells.map(cell);
        json!({"latency": self.name, "ground": self.ground, "4": {"half": a, "double": b}, "100": {"half": c, "double": d}, "runs": {"4": self.runs.0, "100": self.runs.1}})
    }
}

/// Every latency that these launches drew, at half and at double; and as it is, first.
pub fn moved(four: &Subject, hundred: &Subject, seeds: u64, large: u64, small: &[Launch], big: &[Launch]) -> Result<Vec<Moved>, String> {
    let drawn: BTreeSet<&str> = small.iter().chain(big).flat_map(|l| l.notes.samples.iter().map(|d| d.name)).chain(["rpc-up", "block"]).collect();
    let cell = |all: &[Launch]| (quantile(all.iter().map(|l| l.seconds), 0.5), quantile(all.iter().map(|l| l.seconds / l.floor.seconds()), 0.5));
    let runs = (seeds, large);
    let now = (cell(&small[..seeds as usize]), cell(&big[..large as usize]));
    let mut found = vec![Moved { name: "as assumed", ground: "", cells: [now.0, now.0, now.1, now.1], runs }];
    for latency in ALL.iter().filter(|l| drawn.contains(l.name)) {
        let at = |subject: &Subject, seeds, factor| launches(subject, seeds, &[(latency.name.to_string(), factor)].into()).map(|all| cell(&all));
        let cells = [at(four, seeds, 0.5)?, at(four, seeds, 2.0)?, at(hundred, large, 0.5)?, at(hundred, large, 2.0)?];
        let ground = if latency.ground == Ground::Assumed { "assumed" } else { "documented" };
        found.push(Moved { name: latency.name, ground, cells, runs });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_the_nearest_rank_and_work_in_order() {
        let figures = || (1..=20).map(f64::from);
        assert_eq!((quantile(figures(), 0.5), quantile(figures(), 0.95), quantile([7.0], 0.95)), (10.0, 19.0, 7.0));
        assert_eq!(each(50, |n| n * n), (0..50).map(|n| n * n).collect::<Vec<_>>());
    }
}
