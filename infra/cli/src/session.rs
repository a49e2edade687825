//! One local cloud with the founder's stack in it, and the workflows that a person starts on it.

use crate::{artefacts, report, wiring};
use artefacts::Artefacts;
use domain::consortium::MemberRecord;
use domain::plan::Plan;
use domain::request::Request;
use domain::{Class, Fault};
use local_cloud::{Cloud, Machines, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The account that a local founder has.
pub const ACCOUNT: &str = "111122223333";
/// When a local world begins: 2026-11-22T00:00:00Z.
const BEGINNING_MS: u64 = 1_795_305_600_000;

/// What the founder's stack is made for; an existing stack stays as it is.
#[derive(Debug, Clone)]
pub struct Place {
    /// Region.
    pub region: String,
    /// Image that its nodes run.
    pub image: String,
    /// Address range of the founder's network.
    pub cidr: String,
    /// Machines that are processes of this computer; `None` = simulated ones.
    pub machines: Option<Machines>,
}

impl Default for Place {
    fn default() -> Place {
        Place { region: "us-east-1".into(), image: domain::request::DEFAULT_IMAGE.into(), cidr: "10.64.0.0/20".into(), machines: None }
    }
}

impl Place {
    /// Where members' ranges lie: the network's pool, or loopback where machines are processes of this computer.
    pub fn pool(&self) -> &'static str {
        if self.machines.is_some() { "127.0.0.0/8" } else { domain::consortium::POOL }
    }

    /// A world stays in the region that it was begun in.
    pub fn of(self, world: Option<&World>) -> Place {
        let region = world.and_then(|w| w.stacks.values().next()).map(|s| s.region.clone());
        Place { region: region.unwrap_or(self.region), ..self }
    }

    /// Range of the nth member after the founder; empty = the hub chooses. Only what machines of this computer can listen on
    /// must be said.
    fn range(&self, n: usize) -> String {
        let parts: Vec<u32> = self.cidr.split(['.', '/']).filter_map(|p| p.parse().ok()).collect();
        match (self.machines.is_some(), parts.as_slice()) {
            (true, [a, b, c, _, bits]) => format!("{a}.{b}.{}.0/{bits}", (c + 16 * n as u32) % 256),
            _ => String::new(),
        }
    }
}

impl From<&Request> for Place {
    fn from(request: &Request) -> Place {
        Place { region: request.region.clone(), image: request.image.clone(), ..Place::default() }
    }
}

/// How an execution ended, with what it used.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Execution's name.
    pub execution: String,
    /// `SUCCEEDED`, `FAILED`, ...
    pub status: String,
    /// Output of a success.
    pub output: Value,
    /// Error name and cause of a failure.
    pub error: (String, String),
    /// Virtual seconds, settling included.
    pub seconds: f64,
    /// AWS calls apart from objects.
    pub calls: u64,
    /// Object reads and writes.
    pub object_calls: u64,
    /// Step Functions transitions.
    pub transitions: u64,
    /// Dollars for Step Functions and Lambda.
    pub cost: f64,
}

/// The open world.
pub struct Session {
    /// The cloud.
    pub cloud: Cloud,
    /// Outputs of the founder's stack.
    pub outputs: BTreeMap<String, String>,
    artefacts: Artefacts,
    place: Place,
}

impl Session {
    /// Opens a world, or begins one with `seed`, and deploys what ships. What a dead process left running is settled first.
    pub async fn open(world: Option<World>, seed: u64, file: Option<PathBuf>, place: &Place) -> Result<Session, Fault> {
        Session::with(world, seed, file, place, &Artefacts::default()).await
    }

    /// The same with other artefacts.
    pub async fn with(world: Option<World>, seed: u64, file: Option<PathBuf>, place: &Place, artefacts: &Artefacts) -> Result<Session, Fault> {
        let fresh = World { seed, rng: seed, now_ms: BEGINNING_MS, began_ms: BEGINNING_MS, ..World::default() };
        let world = world.unwrap_or(fresh);
        // The SDK's back-off jitter comes from this generator.
        fastrand::seed(world.seed);
        let cloud = Cloud::open(world, wiring::code(), file, place.machines.clone());
        let outputs = artefacts::deploy(&cloud, artefacts, ACCOUNT, place).map_err(Fault::internal)?;
        // In real time settling takes minutes, and a person may look meanwhile.
        if !cloud.abort_interrupted().is_empty() && place.machines.is_none() {
            cloud.idle().await;
        }
        Ok(Session { cloud, outputs, artefacts: artefacts.clone(), place: place.clone() })
    }

    /// Whether its machines are processes, in real time.
    pub fn real(&self) -> bool {
        self.cloud.machines().is_some()
    }

    /// What its seconds are.
    pub fn seconds_word(&self) -> &'static str {
        if self.real() { "seconds" } else { "virtual seconds" }
    }

    fn output(&self, name: &str) -> Result<&str, Fault> {
        self.outputs.get(name).map(String::as_str).ok_or_else(|| Fault::internal(format!("the stack has no output {name}")))
    }

    /// Calls one of the hub's functions as the person at the console would.
    pub async fn call(&self, function: &str, payload: Value) -> Result<Value, Fault> {
        let settings = aws::Settings {
            region: self.output("LaunchNetwork")?.split(':').nth(3).unwrap_or_default().into(),
            credentials: Some((ACCOUNT.into(), "local".into(), "local".into())),
            http: Some(self.cloud.http_client()),
            time: None,
        };
        aws::Clients::new(settings).await.invoke(function, &payload).await
    }

    /// The plan of a request: what the accounts offer is asked, nothing is made.
    pub async fn plan(&self, request: &Request) -> Result<Plan, Fault> {
        let execution = format!("{}-plan", request.network);
        let members: Vec<&str> = request.members.iter().map(|m| m.name.as_str()).collect();
        let params = json!({"size": request.size, "types": request.instance_types});
        let ask = json!({"members": members, "function": "check-member", "network": request.network, "execution": execution, "epoch": 0, "params": params});
        let facts = self.call(self.output("AskMembersFunction")?, ask).await?;
        let plan = self.call(self.output("PlanNetworkFunction")?, json!({"request": request, "facts": facts["facts"], "execution": execution})).await?;
        domain::fault::parse("plan", plan)
    }

    /// Invites a company and gives its record and the link. `range` and `agreement` may be empty.
    pub async fn invite(&self, name: &str, account: &str, region: &str, range: &str, days: u64, agreement: &str) -> Result<(MemberRecord, String), Fault> {
        let ask = json!({"name": name, "account": account, "region": region, "cidr": range, "days": days, "agreement": agreement});
        let answer = self.call(self.output("EnsureInvitationFunction")?, ask).await?;
        Ok((domain::fault::parse("record", answer["record"].clone())?, answer["link"].as_str().unwrap_or_default().into()))
    }

    /// Takes an invitation or a membership back.
    pub async fn revoke(&self, name: &str) -> Result<(), Fault> {
        self.call(self.output("RemoveInvitationFunction")?, json!({"name": name})).await.map(drop)
    }

    /// Opens an invitation's link in an account, as its person would, and waits until the hub has judged the announcement. Gives the name
    /// of the member that the link is for.
    pub async fn join(&self, link: &str, account: &str) -> Result<String, Fault> {
        let made = artefacts::open_link(&self.cloud, &self.artefacts, ACCOUNT, account, link, self.place.pool());
        let member = made.map_err(|why| Fault::new(Class::InvalidInput, format!("`LINK`: {why}")))?;
        self.cloud.idle().await;
        Ok(member)
    }

    /// What the hub knows of every member that was ever invited.
    pub fn members(&self) -> Vec<MemberRecord> {
        report::records(&self.cloud.world(), self.outputs.get("HubBucket").map(String::as_str).unwrap_or_default())
    }

    /// This computer plays every company: whoever a request names and has not joined yet is invited, and its person opens the
    /// link. Gives the names of those that joined by it.
    pub async fn gather(&self, request: &Request) -> Result<Vec<String>, Fault> {
        let mut joined = vec![];
        for (n, m) in request.members.iter().enumerate().skip(1) {
            let found = self.members().into_iter().find(|r| r.name == m.name && r.state == "joined");
            if found.is_some() {
                continue;
            }
            let range = if m.cidr.is_empty() { self.place.range(n) } else { m.cidr.clone() };
            let (_, link) = self.invite(&m.name, &m.account, &m.region, &range, 7, &request.agreement()).await?;
            self.join(&link, &m.account).await?;
            match self.members().into_iter().find(|r| r.name == m.name) {
                Some(r) if r.state == "joined" => joined.push(r.name),
                other => {
                    let why = other.map(|r| r.refused).unwrap_or_else(|| "its record is gone".into());
                    return Err(Fault::new(Class::Denied, format!("{} could not join: {why}", m.name)));
                }
            }
        }
        Ok(joined)
    }

    /// `<network>-<verb>-<ULID>`.
    pub fn name(&self, network: &str, verb: &str) -> String {
        let random = self.cloud.world().bytes(10).iter().fold(0u128, |n, b| (n << 8) | u128::from(*b));
        format!("{network}-{verb}-{}", ulid::Ulid::from_parts(self.cloud.now_ms(), random))
    }

    /// Starts a machine and waits for it and for whatever it set off; `entered` hears each state by (execution, state).
    pub async fn run(&self, machine: &str, name: &str, input: Value, mut entered: impl FnMut(&str, &str, f64)) -> Result<Outcome, Fault> {
        let arn = self.output(machine)?.to_string();
        let before = self.counts();
        let mut watch = self.cloud.watch();
        let begin = self.cloud.now_ms();
        let execution = self.cloud.start(&arn, name, input).map_err(|e| Fault::new(Class::Conflict, e.message))?;
        let seconds = |cloud: &Cloud| (cloud.now_ms() - begin) as f64 / 1000.0;
        let all = async {
            let ended = self.cloud.ended(&execution).await;
            self.cloud.idle().await;
            ended
        };
        tokio::pin!(all);
        let ended = loop {
            tokio::select! {
                biased;
                Some((who, state)) = watch.recv() => entered(&who, &state, seconds(&self.cloud)),
                ended = &mut all => break ended,
            }
        };
        while let Ok((who, state)) = watch.try_recv() {
            entered(&who, &state, seconds(&self.cloud));
        }
        let after = self.counts();
        Ok(Outcome {
            execution: ended.name.clone(),
            status: ended.status.clone(),
            output: ended.output.clone(),
            error: (ended.error.clone(), cause(&ended.cause)),
            seconds: seconds(&self.cloud),
            calls: after.0 - before.0,
            object_calls: after.1 - before.1,
            transitions: after.2 - before.2,
            cost: domain::price::orchestration(after.2 - before.2, after.3 - before.3, after.4 - before.4),
        })
    }

    /// Calls apart from objects, object calls, transitions, invocations, function seconds.
    fn counts(&self) -> (u64, u64, u64, u64, f64) {
        let world = self.cloud.world();
        let sum = |objects: bool| world.calls.iter().filter(|(k, _)| k.starts_with("s3:") == objects).map(|(_, n)| n).sum::<u64>();
        (sum(false), sum(true), world.transitions, world.invocations.0, world.invocations.1)
    }

    /// Launches.
    pub async fn launch(&self, request: &Value, network: &str, entered: impl FnMut(&str, &str, f64)) -> Result<Outcome, Fault> {
        let name = self.name(network, "launch");
        self.run("LaunchNetwork", &name, json!({"request": request}), entered).await
    }

    /// Removes.
    pub async fn remove(&self, network: &str, keep_data: bool, entered: impl FnMut(&str, &str, f64)) -> Result<Outcome, Fault> {
        let name = self.name(network, "remove");
        self.run("RemoveNetwork", &name, json!({"network": network, "keep_data": keep_data}), entered).await
    }

    /// What `--json` gives of a network after something was done to it.
    pub async fn summary(&self, status: &str, network: &str, outcome: Option<&Outcome>) -> Value {
        let found = report::network(&self.cloud, network).await;
        let left = report::left(&self.cloud, network);
        let kept = report::kept(&self.cloud.world(), network);
        let (members, peerings) = found.as_ref().map(report::joined_json).unwrap_or((json!([]), Value::Null));
        let manifest = found.as_ref().map(|f| &f.manifest);
        let signed = match (&found, manifest.and_then(|m| m.verdict["validators_signed"].as_u64())) {
            (Some(f), _) if f.height > 0 && f.nodes.iter().any(|n| n.signing) => f.nodes.iter().filter(|n| n.signing).count() as u64,
            (_, Some(n)) => n,
            _ => 0,
        };
        let seed = self.cloud.world().seed;
        let mut summary = json!({
            "status": status, "network": network, "chain_id": manifest.map(|m| m.chain_id.clone()).unwrap_or_default(),
            "genesis_sha256": manifest.and_then(|m| m.genesis["sha256"].as_str()).unwrap_or_default(),
            "height": found.as_ref().map(|f| f.height).unwrap_or(0), "validators_signed": signed,
            "nodes": found.as_ref().map(|f| report::nodes_json(&f.nodes)).unwrap_or(json!([])), "members": members, "peerings": peerings,
            "virtual_seconds": outcome.map(|o| o.seconds).unwrap_or(0.0), "aws_calls": outcome.map(|o| o.calls).unwrap_or(0),
            "object_calls": outcome.map(|o| o.object_calls).unwrap_or(0), "transitions": outcome.map(|o| o.transitions).unwrap_or(0),
            "seed": seed, "left": left, "kept": kept,
        });
        if let Some(o) = outcome.filter(|o| o.status != "SUCCEEDED") {
            summary["error"] = json!({"name": o.error.0, "message": o.error.1, "execution": o.execution});
        }
        summary
    }
}

/// The words in a cause: a function's error body, alone or inside a sentence, carries them as `errorMessage`.
pub fn cause(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        out += &rest[..start];
        let mut bodies = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<Value>();
        match bodies.next() {
            Some(Ok(body)) if body["errorMessage"].is_string() => {
                out += body["errorMessage"].as_str().unwrap_or_default();
                rest = &rest[start + bodies.byte_offset()..];
            }
            _ => {
                out.push('{');
                rest = &rest[start + 1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::cause;

    #[test]
    fn words_are_found_in_bodies() {
        let body = r#"{"errorType":"Fault.Denied","errorMessage":"no"}"#;
        assert_eq!(cause(body), "no");
        assert_eq!(cause(&format!("{body} -- and the undo failed: {body}")), "no -- and the undo failed: no");
        assert_eq!(cause("plain {\"errorType\" text"), "plain {\"errorType\" text");
    }
}
