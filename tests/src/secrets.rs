//! Where secrets are: every secret of a run, every place where anything can be read, and every form that a secret may have there.
//! Keys live on identity and authority volumes; whatever is seen elsewhere is a leak, and is told by secret, place and form.

use crate::forms::Search;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::ids;
use local_cloud::world::{File, Volume};
use local_cloud::{Cloud, World};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// One thing that nobody else may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Whose and what: `node2's consensus key`.
    pub name: String,
    /// The volume that it is on; `None` = it may be nowhere.
    pub volume: Option<String>,
    /// Its bytes: a key's scalar, or a text.
    pub bytes: Vec<u8>,
}

/// A secret where it does not belong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// The secret's name.
    pub secret: String,
    /// What kind of place: `S3 object`, `state output`, `tag`, ...
    pub channel: String,
    /// Which of them.
    pub place: String,
    /// How it is written there: `raw`, `hex`, `base64`, ..., and what it is packed in.
    pub form: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is in {} ({}) as {}", self.secret, self.channel, self.place, self.form)
    }
}

/// A text that somebody may read: channel, place, content.
pub type Sight = (String, String, Vec<u8>);

/// What stands before the 32 bytes of a private key in its DER.
const SCALAR: [u8; 5] = [2, 1, 1, 4, 32];

/// Role of a volume, by its tag.
fn role(volume: &Volume) -> &str {
    volume.tags.get(ids::TAG_VOLUME).map(String::as_str).unwrap_or_default()
}

fn is_safe(volume: &Volume) -> bool {
    ["identity", "authority"].contains(&role(volume))
}

/// Secrets in one file of a volume: `(what, bytes)`.
fn in_file(path: &str, file: &File) -> Option<(&'static str, Vec<u8>)> {
    let json = || serde_json::from_str::<Value>(&file.text).ok().and_then(|v| STANDARD.decode(v["priv_key"]["value"].as_str()?).ok());
    let pem = || {
        let body: String = file.text.lines().filter(|l| !l.starts_with("-----")).collect();
        let der = STANDARD.decode(body).ok()?;
        let at = der.windows(SCALAR.len()).position(|w| w == SCALAR)? + SCALAR.len();
        der.get(at..at + 32).map(<[u8]>::to_vec)
    };
    match path {
        "/priv_validator_key.json" => json().map(|k| ("consensus key", k)),
        "/validator.pem" => pem().map(|k| ("consensus key", k)),
        "/node_key.json" => json().map(|k| ("node key", k)),
        "/root-key.pem" => pem().map(|k| ("CA key", k)),
        "/passphrase" => Some(("passphrase", file.text.clone().into_bytes())),
        path if path.ends_with(".info") => json().map(|k| ("operator key", k)),
        _ => None,
    }
}

/// Every secret of a world: what its identity and authority volumes hold, and every mnemonic that an irita printed.
pub fn of(world: &World) -> Vec<Secret> {
    let mut found: Vec<Secret> = vec![];
    for volume in world.volumes.values().filter(|v| is_safe(v)) {
        let node = world.instances.get(&volume.attached_to).and_then(|i| i.tags.get(ids::TAG_NODE)).cloned().unwrap_or_default();
        for (what, bytes) in volume.files.iter().filter_map(|(path, file)| in_file(path, file)) {
            if !found.iter().any(|s| s.bytes == bytes) {
                found.push(Secret { name: format!("{node}'s {what}"), volume: Some(volume.id.clone()), bytes });
            }
        }
    }
    let mnemonics = world.mnemonics.iter().enumerate();
    found.extend(mnemonics.map(|(n, words)| Secret { name: format!("mnemonic {n}"), volume: None, bytes: words.clone().into_bytes() }));
    found
}

/// On which volumes each secret is, whatever their role: `name -> volumes`.
pub fn volumes(world: &World, secrets: &[Secret]) -> BTreeMap<String, Vec<String>> {
    let search = Search::new(secrets);
    let mut found: BTreeMap<String, Vec<String>> = secrets.iter().map(|s| (s.name.clone(), vec![])).collect();
    for volume in world.volumes.values() {
        for name in volume.files.values().flat_map(|f| search.find(f.text.as_bytes())).map(|(name, _)| name) {
            let list = found.entry(name).or_default();
            if !list.contains(&volume.id) {
                list.push(volume.id.clone());
            }
        }
    }
    found
}

/// Leaks among sights, each once.
pub fn leaks(secrets: &[Secret], sights: &[Sight]) -> Vec<Leak> {
    let search = Search::new(secrets);
    let mut found = vec![];
    for (channel, place, content) in sights {
        found.extend(search.find(content).into_iter().map(|(secret, form)| Leak { secret, channel: channel.clone(), place: place.clone(), form }));
    }
    found.sort();
    found.dedup();
    found
}

/// Everything of a world that is not on an identity or authority volume, which is also what the world's file says outside of them.
pub fn sights(world: &World) -> Vec<Sight> {
    let mut seen = vec![];
    let mut see = |channel: &str, place: &str, content: String| seen.push((channel.to_string(), place.to_string(), content.into_bytes()));
    for v in world.volumes.values() {
        let files = if is_safe(v) { BTreeMap::new() } else { v.files.clone() };
        files.iter().for_each(|(path, file)| see(&format!("file of a {} volume", role(v)), &format!("{}:{path}", v.id), file.text.clone()));
        let record = Volume { files: BTreeMap::new(), ..v.clone() };
        see("volume", &v.id, serde_json::to_string(&record).unwrap_or_default());
    }
    for (name, bucket) in &world.buckets {
        bucket.objects.iter().for_each(|(key, object)| see("S3 object", &format!("s3://{name}/{key}"), format!("{key}\n{}", object.text)));
        see("bucket policy", name, bucket.policy.to_string());
    }
    for c in world.commands.values() {
        see("command parameters", &c.id, c.parameters.to_string());
        see("command comment", &c.id, c.comment.clone());
        c.invocations.iter().for_each(|(instance, i)| see("command output", &format!("{}/{instance}", c.id), i.output.clone()));
    }
    for e in world.executions.values() {
        see("execution input", &e.name, e.input.to_string());
        see("execution output", &e.name, e.output.to_string());
        see("execution failure", &e.name, format!("{}\n{}", e.error, e.cause));
    }
    for p in world.plain.values() {
        let channel = if p.properties["LaunchTemplateData"]["UserData"].is_string() { "user data" } else { "template resource" };
        see(channel, &p.id, p.properties.to_string());
    }
    world.notices.iter().for_each(|(topic, subject, text)| see("notice", topic, format!("{subject}\n{text}")));
    let mut rest = serde_json::to_value(world).unwrap_or_default();
    for told in ["volumes", "buckets", "commands", "executions", "plain", "notices"] {
        rest.as_object_mut().map(|fields| fields.remove(told));
    }
    for (field, value) in rest.as_object().into_iter().flatten() {
        match value {
            Value::Object(items) => items.iter().for_each(|(id, item)| see(channel(field), id, item.to_string())),
            other => see(channel(field), "", other.to_string()),
        }
    }
    seen
}

/// What the rest of the world's fields are to a reader.
fn channel(field: &str) -> &str {
    match field {
        "instances" => "instance",
        "functions" => "function environment",
        "stacks" => "stack outputs",
        "peerings" => "peering",
        "chains" => "ledger",
        other => other,
    }
}

/// What a cloud passed on since it records: messages on the wire, and what executions, functions and buses were given and gave.
pub fn passed(cloud: &Cloud) -> Vec<Sight> {
    let mut seen: Vec<Sight> = vec![];
    for e in cloud.exchanges() {
        let place = format!("{}:{}", e.service, e.action);
        let (method, path, headers, body) = e.request;
        seen.push(("wire request".into(), place.clone(), format!("{method} {path}\n{headers:?}\n{body}").into_bytes()));
        let (status, headers, body) = e.response;
        seen.push(("wire response".into(), place, format!("{status}\n{headers:?}\n{body}").into_bytes()));
    }
    seen.extend(cloud.heard().into_iter().map(|h| (h.channel.to_string(), h.place, h.text.into_bytes())));
    seen
}
