//! `doctor`: looks from outside at what `status` believes and says what is wrong and how to mend it. It reads the world itself and
//! never asks a function of ours.

mod nodes;
mod record;

use super::status;
use super::tables::pad;
use crate::artefacts::PREFIX;
use crate::home::Home;
use crate::lang::{Key, Lang};
use crate::out::Out;
use crate::session::Session;
use domain::{Class, Fault};
use local_cloud::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use unicode_width::UnicodeWidthStr;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Network; empty = of no network.
    pub network: String,
    /// What was looked at.
    pub check: Key,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// How to mend it; empty if there is nothing to mend.
    pub remedy: String,
}

impl Check {
    /// Of things that are wrong: none is ok.
    fn of(network: &str, check: Key, wrong: Vec<String>, lang: Lang, remedy: String, fine: impl Into<String>) -> Check {
        let ok = wrong.is_empty();
        let detail = if ok { fine.into() } else { wrong.join(lang.separator()) };
        Check { network: network.into(), check, ok, detail, remedy: if ok { String::new() } else { remedy } }
    }

    /// `--json`: the name of a check is English in every language.
    fn json(&self) -> Value {
        json!({"network": self.network, "check": Lang::En.text(self.check), "ok": self.ok, "detail": self.detail, "remedy": self.remedy})
    }
}

/// The home folder, looked at without holding it. `up` = whether its background cloud answers, if it is to have one.
pub fn home(folder: &Path, up: bool, lang: Lang) -> Check {
    let path = folder.join("world.json");
    let check = |wrong: Vec<String>, remedy: String| Check::of("", Key::CheckHome, wrong, lang, remedy, folder.display().to_string());
    let bad = || lang.say(Key::BadHomeRemedy, &[&path.display()]);
    let text = match std::fs::read(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !Home::has_processes(folder) => {
            return check(vec![lang.say(Key::NoHome, &[&folder.display()])], lang.text(Key::NoHomeRemedy).into());
        }
        _ if Home::has_processes(folder) && !up => return check(vec![lang.text(Key::CloudIsDown).into()], lang.text(Key::CloudIsDownRemedy).into()),
        Err(e) => return check(vec![format!("{}: {e}", path.display())], bad()),
        Ok(text) => text,
    };
    match serde_json::from_slice::<World>(&text) {
        Ok(world) => check(dangling(&world).into_iter().map(|(a, b)| lang.say(Key::WorldDangling, &[&a, &b])).collect(), bad()),
        Err(e) => check(vec![format!("{}: {e}", path.display())], bad()),
    }
}

/// What names something that the world does not have.
fn dangling(world: &World) -> Vec<(String, String)> {
    let attached = world.volumes.values().filter(|v| !v.attached_to.is_empty()).map(|v| (&v.id, &v.attached_to));
    let running = world.processes.values().map(|p| (&p.node_id, &p.instance));
    let machines = attached.chain(running).filter(|(_, i)| !world.instances.contains_key(*i));
    let executions = world.executions.values().filter(|e| !world.machines.contains_key(&e.machine)).map(|e| (&e.name, &e.machine));
    machines.chain(executions).map(|(a, b)| (a.clone(), b.clone())).collect()
}

/// Whether what stacks say that they made is there.
fn stacks(world: &World, lang: Lang) -> Check {
    let keys: Vec<&String> = [
        world.plain.keys().collect::<Vec<_>>(),
        world.roles.keys().collect(),
        world.functions.keys().collect(),
        world.machines.keys().collect(),
        world.buckets.keys().collect(),
        world.stacks.keys().collect(),
        world.stacks.values().map(|s| &s.id).collect(),
    ]
    .concat();
    let permission = |id: &str| world.functions.values().flat_map(|f| &f.permissions).any(|p| p["Sid"] == id);
    let is_there = |id: &str| {
        // A bucket's policy is part of what it belongs to, a permission of its function.
        let owner = id.strip_suffix("-policy").unwrap_or(id);
        permission(id) || keys.iter().any(|k| k.strip_suffix(owner).is_some_and(|before| before.is_empty() || before.ends_with([':', '/'])))
    };
    let mut wrong = vec![];
    if !world.stacks.values().any(|s| s.name == PREFIX && s.outputs.contains_key("HubBucket")) {
        wrong.push(lang.text(Key::NoStack).to_string());
    }
    let gone: Vec<String> = world.stacks.values().flat_map(|s| s.resources.iter()).filter(|(_, id)| !is_there(id)).map(|(name, _)| name.clone()).collect();
    if !gone.is_empty() {
        wrong.push(lang.say(Key::StackGaps, &[&lang.list(&gone)]));
    }
    Check::of("", Key::CheckStacks, wrong, lang, lang.text(Key::StackRemedy).into(), world.stacks.len().to_string())
}

/// Runs it on one network or on all; `before` = what was looked at outside the world.
pub async fn run(session: &Session, network: Option<&str>, before: &[Check], json: bool, out: &Out) -> Result<u8, Fault> {
    let lang = out.lang();
    let all = record::networks(&session.cloud.world());
    let wanted: Vec<String> = match network {
        Some(one) if !all.iter().any(|n| n == one) => return Err(Fault::new(Class::NotFound, format!("there is no network `{one}` here"))),
        Some(one) => vec![one.into()],
        None => all,
    };
    let mut checks = before.to_vec();
    checks.push(stacks(&session.cloud.world(), lang));
    for network in &wanted {
        checks.extend(record::checks(&session.cloud, network, lang));
        // A record that cannot be read has been told; nothing more is known of the network.
        match status::watch(session, network).await {
            Ok(watched) if watched.found.manifest.state == "launched" => checks.extend(nodes::checks(session, network, &watched, lang)),
            _ => {}
        }
    }
    Ok(tell(&checks, json, out))
}

/// Prints what was found; gives the exit code.
pub fn tell(checks: &[Check], json: bool, out: &Out) -> u8 {
    let wrong = checks.iter().filter(|c| !c.ok).count();
    if json {
        out.line(checks.iter().map(Check::json).collect::<Value>().to_string());
        return u8::from(wrong > 0);
    }
    let lang = out.lang();
    let name = |c: &Check| [c.network.as_str(), lang.text(c.check)].join(" ").trim().to_string();
    let width = checks.iter().map(|c| name(c).width()).max().unwrap_or(0);
    for c in checks {
        let verdict = lang.text(if c.ok { Key::DoctorOk } else { Key::DoctorWrong });
        out.line(format!("{} {}  {}", pad(verdict, 6), pad(&name(c), width), c.detail).trim_end());
        if !c.ok {
            out.say(Key::DoctorRemedy, &[&c.remedy]);
        }
    }
    match wrong {
        0 => out.say(Key::DoctorAll, &[&checks.len()]),
        n => out.say(Key::DoctorSome, &[&n, &checks.len()]),
    }
    u8::from(wrong > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_without_a_world_and_a_broken_world_are_told_apart() {
        let folder = std::env::temp_dir().join(format!("consortium-doctor-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let none = home(&folder, false, Lang::En);
        std::fs::write(folder.join("world.json"), "{").expect("writes");
        let broken = home(&folder, false, Lang::En);
        std::fs::write(folder.join("world.json"), serde_json::to_string(&World::default()).expect("json")).expect("writes");
        let fine = home(&folder, false, Lang::En);
        let _ = std::fs::remove_dir_all(&folder);
        assert!(!none.ok && none.remedy.contains("consortium launch"), "{none:?}");
        assert!(!broken.ok && broken.remedy.contains("restore"), "{broken:?}");
        assert!(fine.ok && fine.remedy.is_empty(), "{fine:?}");
    }
}
