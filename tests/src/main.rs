//! `proof`: what the referees of `tests/run` look at, the campaigns and the benchmark.

use consortium::artefacts::Artefacts;
use proof::campaign::matrix::{self, Width};
use proof::campaign::{random, stops};
use proof::{bench, launch, request, session, virtually, whole};
use std::io::Write;
use std::process::ExitCode;

/// Shown to whoever asks for something else.
const USAGE: &str = "usage: proof exchanges FILE                               writes every AWS message of a launch, for the referees
       proof faults [--ends] [WORKFLOW...]                every fault at every AWS call; --ends: at the first and last call of a kind in each state
       proof stops [WORKFLOW...]                          every execution ended from outside at every state, and redriven
       proof campaign [--seeds N] [--first K] [--keep I]  random scenarios; --keep: only these of a seed's events
       proof fuzz [--inputs N] [--first K]                mutated requests, orders, events and payloads of every function
       proof bench [--seeds N] [--large-seeds N] [--cold-starts N] [--speed-seconds N] [--only PART,…] [--json FILE]
                                                          what a launch takes and costs, beside the goals";

/// Writes every message of three launches (as asked; refused and undone; stopped and settled) and a restart and a
/// removal, one JSON object a line.
fn exchanges(file: &str) -> std::io::Result<usize> {
    let all = virtually(async {
        let mut all = vec![];
        for faults in [vec![], vec!["RunInstances#1=InsufficientInstanceCapacity".to_string(), "node1:pull=fail".to_string()]] {
            let s = session(1, &Artefacts::default()).await;
            s.cloud.record();
            let outcome = launch(&s, &request(4), &faults).await;
            if outcome.status == "SUCCEEDED" {
                let input = serde_json::json!({"network": "testnet", "verb": "restart", "targets": ["node1"]});
                let restarted = s.run("OperateNodes", &s.name("testnet", "operate"), input, |_, _, _| {}).await;
                if !restarted.is_ok_and(|r| r.status == "SUCCEEDED") {
                    return Err(std::io::Error::other("the restart failed"));
                }
            }
            if outcome.status == "SUCCEEDED" && s.remove("testnet", false, |_, _, _| {}).await.is_err() {
                return Err(std::io::Error::other("the removal did not start"));
            }
            all.extend(s.cloud.exchanges());
        }
        let s = session(1, &Artefacts::default()).await;
        s.cloud.record();
        let (cloud, asked) = (s.cloud.clone(), request(4));
        let stopped = s.launch(&asked, "testnet", |execution, state, _| {
            // While nodes are at work, so that settling has a command to cancel.
            if state == "WaitForCommand" && execution.ends_with("-prep") {
                cloud.stop(&whole(&cloud, execution), "ABORTED", "Stopped", "a person stopped it");
            }
        });
        if stopped.await.is_err() {
            return Err(std::io::Error::other("the launch to be stopped did not start"));
        }
        all.extend(s.cloud.exchanges());
        Ok(all)
    })?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for exchange in &all {
        writeln!(out, "{}", serde_json::to_string(exchange)?)?;
    }
    out.flush()?;
    Ok(all.len())
}

/// Every call of every workflow under every fault.
fn faults(words: &[&str]) -> ExitCode {
    let width = if words.contains(&"--ends") { Width::Ends } else { Width::All };
    shown("calls", matrix::run(width, &names(words), &Artefacts::default(), &|line| println!("{line}")))
}

fn names(words: &[&str]) -> Vec<String> {
    words.iter().filter(|w| !w.starts_with("--")).map(|w| w.to_string()).collect()
}

fn shown(what: &str, report: matrix::Report) -> ExitCode {
    for ((workflow, machine), count) in &report.calls {
        println!("{workflow:14} {machine:18} {count:4} {what}");
    }
    for ((kind, end), count) in &report.ends {
        println!("{kind:40} {end:?}: {count}");
    }
    closing(report.tried, report.violations.len())
}

/// Random scenarios.
fn campaign(words: &[&str]) -> ExitCode {
    let places = after(words, "--keep").map(|list| list.split(',').filter_map(|p| p.parse().ok()).collect::<Vec<usize>>());
    let (Ok(first), Ok(count)) = (number(words, "--first", 1), number(words, "--seeds", 100)) else { return usage() };
    let report = random::run(first, count, places.as_deref(), &|line| println!("{line}"));
    for (end, count) in &report.ends {
        println!("{end}: {count}");
    }
    closing(report.tried, report.violations.len())
}

/// Mutated inputs of every entry point.
fn fuzz(words: &[&str]) -> ExitCode {
    let (Ok(first), Ok(count)) = (number(words, "--first", 1), number(words, "--inputs", 100_000)) else { return usage() };
    let report = proof::fuzz::run(first, count, &|line| println!("{line}"));
    for ((entry, end), count) in &report.ends {
        println!("{entry:32} {end:22} {count:6}");
    }
    closing(report.tried, report.violations.len())
}

/// The word after an option.
fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().position(|w| *w == name).and_then(|i| words.get(i + 1)).copied()
}

fn number(words: &[&str], name: &str, default: u64) -> Result<u64, std::num::ParseIntError> {
    after(words, name).map_or(Ok(default), str::parse)
}

/// The last line of every campaign, and its exit code.
fn closing(tried: usize, violated: usize) -> ExitCode {
    println!("{tried} tried, {violated} violated");
    if violated == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["faults", words @ ..] => faults(words),
        ["stops", words @ ..] => shown("states", stops::run(&names(words), &Artefacts::default(), &|line| println!("{line}"))),
        ["exchanges", file] => match exchanges(file) {
            Ok(count) => {
                println!("{count} messages written to {file}");
                ExitCode::SUCCESS
            }
            Err(e) => {
                eprintln!("proof: {file}: {e}");
                ExitCode::FAILURE
            }
        },
        ["campaign", words @ ..] => campaign(words),
        ["fuzz", words @ ..] => fuzz(words),
        ["bench", words @ ..] => match bench::Options::parse(words).map(|options| bench::run(&options)) {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(why)) => {
                eprintln!("proof: {why}");
                ExitCode::FAILURE
            }
            Err(why) => {
                eprintln!("proof: {why}");
                ExitCode::from(2)
            }
        },
        _ => usage(),
    }
}
