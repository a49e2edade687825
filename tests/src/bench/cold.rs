//! Cold start: the shipped binary against the same function in Python with boto3, from the start of the process to its first answer.
//!
//! The function is `check-command`, the one that is asked most: one order, one ListCommandInvocations, one answer. Both speak HTTP
//! to loopback, have their files in the page cache after one start that does not count, and must give the same answer. The
//! Python side is spared Lambda's own runtime client and every AWS client but the one it uses.

use super::many::quantile;
use super::runtime_api::{Heard, RuntimeApi};
use super::sizes::target;
use super::{profile, table::Row};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TIME: &str = "cold start, bootstrap against Python with boto3";
const MEMORY: &str = "memory at its peak, the same";
const GOALS: (&str, &str) = (">= 8 times faster", "<= 1/4 of the memory");

/// Id of the one command that is looked at.
const COMMAND: &str = "11111111-2222-4333-8444-555555555555";

/// One cold start.
struct Start {
    seconds: f64,
    peak_kb: f64,
    answer: Value,
}

fn order() -> Value {
    let nodes: Vec<Value> =
        (0..4).map(|n| json!({"name": format!("node{n}"), "instance": format!("i-{n}"), "ip": format!("10.64.0.{n}"), "member": "founder"})).collect();
    json!({"relation": "r1", "network": "testnet", "execution": "testnet-launch-1", "epoch": 1, "params": {
        "commands": [{"member": "founder", "id": COMMAND}], "instances": ["i-0", "i-1", "i-2", "i-3"], "nodes": nodes, "tolerate": false, "last": false}})
}

fn invocations() -> Value {
    let one = |n: u32| {
        let output = json!({"node": format!("node{n}"), "result": {"node_id": "ab".repeat(20), "operator": format!("iaa1{}", "q".repeat(38))}, "fault": null});
        json!({"CommandId": COMMAND, "InstanceId": format!("i-{n}"), "Status": "Success", "StatusDetails": "Success",
            "CommandPlugins": [{"Name": "RunNodectl", "Status": "Success", "ResponseCode": 0, "Output": format!("{output}\n")}]})
    };
    // Not in the order of their names: whoever answers must sort them.
    json!({"CommandInvocations": Vec::from([2, 0, 3, 1].map(one))})
}

/// Peak resident memory of a process.
fn peak_kb(pid: u32) -> Result<f64, String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|e| format!("/proc/{pid}/status: {e}"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    line.trim().trim_end_matches(" kB").parse().map_err(|e| format!("VmHWM: {e}"))
}

fn start(program: &Path, arguments: &[&Path]) -> Result<Start, String> {
    let api = RuntimeApi::start(&order(), "ListCommandInvocations", &invocations()).map_err(|e| e.to_string())?;
    let endpoint = format!("http://{}", api.address);
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    command.envs([("_HANDLER", "check-command"), ("AWS_REGION", "us-east-1"), ("MEMBER", "founder"), ("RELATION", "r1"), ("HOME", "/nonexistent")]);
    command.envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_SESSION_TOKEN", "token")]);
    command.envs([("AWS_LAMBDA_FUNCTION_NAME", "check-command"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"), ("AWS_LAMBDA_FUNCTION_VERSION", "1")]);
    command.envs([("AWS_LAMBDA_LOG_STREAM_NAME", "s"), ("AWS_LAMBDA_LOG_GROUP_NAME", "g")]);
    command.env("AWS_LAMBDA_RUNTIME_API", api.address.to_string()).env("AWS_ENDPOINT_URL", &endpoint);
    let began = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("{}: {e}", program.display()))?;
    let heard = api.heard(Duration::from_secs(60));
    let peak = peak_kb(child.id());
    // By its own pid, whatever it is doing.
    let ended = child.kill().and_then(|()| child.wait());
    ended.map_err(|e| e.to_string())?;
    match heard {
        Some((at, Heard::Response(answer))) => Ok(Start { seconds: (at - began).as_secs_f64(), peak_kb: peak?, answer }),
        Some((_, Heard::Error(why))) => Err(format!("{} answered an error: {why}", program.display())),
        None => Err(format!("{} gave no answer in 60 s", program.display())),
    }
}

/// Python with boto3 as `tests/run` installs it, and the script; `Err` = why not.
fn python() -> Result<(PathBuf, PathBuf), String> {
    let python = target().join("tools/python/bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/check_command.py");
    let has = Command::new(&python).args(["-c", "import boto3"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    if has { Ok((python, script)) } else { Err("SKIPPED: no boto3 in target/tools/python (tests/run installs it)".into()) }
}

fn measure(count: usize) -> Result<Vec<Row>, String> {
    // What ships, where it was built; else the program built beside this one.
    let here = std::env::current_exe().map_err(|e| e.to_string())?;
    let candidates = [("dist", target().join("dist/bootstrap")), (profile(), here.with_file_name("bootstrap"))];
    let (build, bootstrap) = candidates.into_iter().find(|(_, file)| file.is_file()).ok_or("not built: bootstrap")?;
    let (python, script) = python()?;
    let (mut ours, mut theirs) = (vec![], vec![]);
    // The first pair fills the page cache and Python's compiled modules, and does not count.
    for n in 0..=count {
        let pair = (start(&bootstrap, &[])?, start(&python, &[&script])?);
        if pair.0.answer != pair.1.answer {
            return Err(format!("the two functions answer differently: {} and {}", pair.0.answer, pair.1.answer));
        }
        if n > 0 {
            ours.push(pair.0);
            theirs.push(pair.1);
        }
    }
    let median = |all: &[Start], figure: fn(&Start) -> f64| quantile(all.iter().map(figure), 0.5);
    let [fast, slow] = [&ours, &theirs].map(|all| median(all, |s| s.seconds * 1000.0));
    let [small, large] = [&ours, &theirs].map(|all| median(all, |s| s.peak_kb / 1024.0));
    let (time, memory) = (slow / fast, small / large);
    Ok(vec![
        Row {
            name: TIME.into(),
            value: format!("{fast:.0} ms against {slow:.0} ms: {time:.1} times faster (medians of {count} each, {build} build)"),
            goal: GOALS.0.into(),
            met: Some(time >= 8.0),
            figures: json!({"ours_ms": fast, "python_ms": slow, "ratio": time, "starts": count, "build": build}),
        },
        Row {
            name: MEMORY.into(),
            value: format!("{small:.1} MiB against {large:.1} MiB: {memory:.2}"),
            goal: GOALS.1.into(),
            met: Some(memory <= 0.25),
            figures: json!({"ours_mib": small, "python_mib": large, "ratio": memory, "starts": count, "build": build}),
        },
    ])
}

/// Both rows, measured or with the reason why not.
pub fn rows(count: usize) -> Vec<Row> {
    measure(count).unwrap_or_else(|why| vec![Row::missing(TIME, why.clone(), GOALS.0), Row::missing(MEMORY, why, GOALS.1)])
}
