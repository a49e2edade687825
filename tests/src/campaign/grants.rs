//! Least privilege: what campaigns needed, and that it holds nowhere else.

use local_cloud::World;
use local_cloud::grants::{Grant, Use, allowed, bounds};
use std::collections::BTreeMap;

/// A role's name without its account, so that the same role of two members is one.
fn of(role: &str) -> String {
    role.rsplit(':').next().unwrap_or(role).to_string()
}

/// What was needed, over many cases; roles by their names.
#[derive(Default)]
pub struct Needs(BTreeMap<Grant, (String, Use)>);

impl Needs {
    /// Adds what one case used.
    pub fn add(&mut self, uses: BTreeMap<Grant, Use>) {
        for (grant, used) in uses {
            let (role, key) = (grant.role.clone(), Grant { role: of(&grant.role), ..grant });
            self.0.entry(key).or_insert((role, used));
        }
    }

    /// Grants that also allow the same call elsewhere: in another account, with another tag's value, or untagged.
    pub fn too_wide(&self, world: &World) -> Vec<String> {
        let mut wide = vec![];
        for (grant, (arn, used)) in &self.0 {
            let Some(role) = world.roles.get(arn) else { continue };
            let (keys, anything) = bounds(role, &Grant { role: arn.clone(), ..grant.clone() });
            let mut tries: Vec<(String, Use)> = vec![];
            // Looks have no resource level in AWS, nor has cancelling a command.
            let verb = used.action.split(':').nth(1).unwrap_or_default();
            if anything && keys.is_empty() && !["Describe", "List", "Get", "CancelCommand"].iter().any(|v| verb.starts_with(v)) {
                wide.push(format!("{}: {} ({}) on anything", grant.role, grant.action, grant.statement));
            }
            // Who may do it to anything has conditions or, where AWS has no resource level, a reason beside it.
            if !anything {
                let other = elsewhere(&used.resource);
                tries.push((format!("on {other}"), Use { resource: other, ..used.clone() }));
            }
            for (operator, key) in keys {
                let is_it = |k: &str| k.eq_ignore_ascii_case(&key);
                let mut without = used.clone();
                without.keys.retain(|k, _| !is_it(k));
                let mut other = used.clone();
                other.keys.iter_mut().filter(|(k, _)| is_it(k)).for_each(|(_, v)| *v = vec!["other".into()]);
                // `Null` asks only whether a key is there; `IfExists` and `ForAllValues` let an absent one pass on purpose.
                if operator != "Null" && used.keys.keys().any(|k| is_it(k)) {
                    tries.push((format!("with another {key}"), other));
                }
                if !operator.ends_with("IfExists") && !operator.starts_with("ForAllValues") {
                    tries.push((format!("without {key}"), without));
                }
            }
            wide.extend(
                tries.into_iter().filter(|(_, t)| allowed(role, t)).map(|(how, _)| format!("{}: {} ({}) {how}", grant.role, grant.action, grant.statement)),
            );
        }
        wide
    }

    /// How many grants were needed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The same kind of thing in nobody's account and of another name.
fn elsewhere(resource: &str) -> String {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    match parts.as_slice() {
        [arn, partition, service, region, _, _] => format!("{arn}:{partition}:{service}:{region}:999999999999:other/other"),
        _ => "arn:aws:none:::other".into(),
    }
}
