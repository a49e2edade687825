//! The rows that come from launches.

use super::launches::{Launch, Subject};
use super::many::quantile;
use super::table::Row;
use serde_json::{Value, json};

type Figure = fn(&Launch) -> f64;

/// p50 and p95 of a figure.
fn spread(all: &[Launch], figure: Figure) -> (f64, f64) {
    (quantile(all.iter().map(figure), 0.5), quantile(all.iter().map(figure), 0.95))
}

fn pair((p50, p95): (f64, f64), runs: usize) -> Value {
    json!({"p50": p50, "p95": p95, "runs": runs})
}

fn whole((p50, p95): (f64, f64)) -> String {
    if p50 == p95 { format!("{p50:.0}") } else { format!("{p50:.0} (p95 {p95:.0})") }
}

/// Time of one subject: absolute, against the floor, against the script.
fn time(subject: &Subject, all: &[Launch], goal: f64) -> Vec<Row> {
    let (name, runs) = (subject.name, all.len());
    let seconds = spread(all, |l| l.seconds);
    let ratio = spread(all, |l| l.seconds / l.floor.seconds());
    let floor = spread(all, |l| l.floor.seconds());
    let scripts = [spread(all, |l| l.script), spread(all, |l| l.script_together)];
    let share = [spread(all, |l| l.seconds / l.script), spread(all, |l| l.seconds / l.script_together)];
    let accounts = if subject.members > 1 { format!(" in {} accounts", subject.members) } else { String::new() };
    let parts: [Figure; 4] = [|l| l.floor.boot, |l| l.floor.pull, |l| l.floor.genesis, |l| l.floor.blocks];
    let [boot, pull, genesis, blocks] = parts.map(|part| spread(all, part).0);
    vec![
        Row::plain(
            format!("launch time, {name}{accounts}, {runs} seeds"),
            format!("p50 {:.0} s, p95 {:.0} s (virtual)", seconds.0, seconds.1),
            pair(seconds, runs),
        ),
        Row::at_most(
            "… to its physical floor",
            format!(
                "p50 {:.2}, p95 {:.2} (floor p50 {:.0} s: boot and agent {boot:.0}, image {pull:.0}, genesis {genesis:.0}, 10 blocks {blocks:.0})",
                ratio.0, ratio.1, floor.0
            ),
            ratio.0,
            goal,
            &format!("<= {goal}"),
            json!({"p50": ratio.0, "p95": ratio.1, "floor_s": floor.0, "parts_s": [boot, pull, genesis, blocks], "runs": runs}),
        ),
        Row::plain(
            "… to the article's steps as a script, machine by machine",
            format!("p50 {:.2}, p95 {:.2} (script p50 {:.0} s)", share[0].0, share[0].1, scripts[0].0),
            json!({"p50": share[0].0, "p95": share[0].1, "script_s": scripts[0].0, "runs": runs}),
        ),
        Row::plain(
            "… to the same script with all machines booting at once",
            format!("p50 {:.2}, p95 {:.2} (script p50 {:.0} s)", share[1].0, share[1].1, scripts[1].0),
            json!({"p50": share[1].0, "p95": share[1].1, "script_s": scripts[1].0, "runs": runs}),
        ),
    ]
}

/// Every row that launches give.
pub fn of_launches(four: &Subject, small: &[Launch], hundred: &Subject, large: &[Launch]) -> Vec<Row> {
    let mut rows = time(four, small, 1.15);
    rows.extend(time(hundred, large, 1.3));
    for (subject, all, calls, transitions, cost) in [(four, small, 80.0, 150.0, 0.01), (hundred, large, 300.0, 600.0, 0.05)] {
        let (name, runs) = (subject.name, all.len());
        let made = spread(all, |l| l.outcome.calls as f64);
        let objects = [spread(all, |l| l.outcome.object_calls as f64), spread(all, |l| l.node_objects as f64)];
        rows.push(Row::at_most(format!("AWS calls, {name}"), whole(made), made.0, calls, &format!("<= {calls}"), pair(made, runs)));
        rows.push(Row::plain(
            "… object reads and writes apart",
            format!("{} of functions, {} of nodes", whole(objects[0]), whole(objects[1])),
            json!({"functions": pair(objects[0], runs), "nodes": pair(objects[1], runs)}),
        ));
        let entered = spread(all, |l| l.outcome.transitions as f64);
        rows.push(Row::at_most(format!("transitions, {name}"), whole(entered), entered.0, transitions, &format!("<= {transitions}"), pair(entered, runs)));
        let dollars = spread(all, |l| l.outcome.cost);
        let words = format!("${:.4} (p95 ${:.4})", dollars.0, dollars.1);
        rows.push(Row::at_most(format!("orchestration, {name}"), words, dollars.0, cost, &format!("<= ${cost}"), pair(dollars, runs)));
    }
    let longest = small.iter().chain(large).map(|l| l.history).max().unwrap_or(0);
    rows.push(Row::at_most("longest history", format!("{longest} events"), longest as f64, 10_000.0, "<= 10,000 events", json!(longest)));
    rows
}
