//! Least privilege: what campaigns needed, and that it holds nowhere else.

use local_cloud::World;
use local_cloud::grants::{Grant, Use, allowed, bounds, granted};
use std::collections::{BTreeMap, BTreeSet};

/// A role's name without its account, so that the same role of two members is one.
fn of(role: &str) -> String {
    role.rsplit(':').next().unwrap_or(role).to_string()
}

/// Grants that no campaign shows to be needed: how the role's name ends, the statement, and why it is there.
const UNSEEN: [(&str, &str, &str); 9] = [
    ("MachineRole", "ChildEvents", "Step Functions' own rule for children that it waits for; the local cloud needs none"),
    ("MachineRole", "WatchChildren", "the same, and ending children with their parent"),
    ("Role", "ListKeys", "turns 403 into 404 for an absent key; who meets one depends on who came first"),
    ("Role", "Epoch", "who comes first in an execution raises the epoch; after the owner mended it that may be anybody"),
    ("EnsureRoutesRole", "OurTable", "DeleteRoute: a route over a peering that somebody deleted by hand (members.rs)"),
    ("NodeRole", "FetchNodectl", "user data of a real machine"),
    ("RemoveInvitationRole", "BusPolicy", "a person revokes (revoked.rs)"),
    ("RemoveInvitationRole", "BucketPolicy", "the same"),
    ("RemoveInvitationRole", "Members", "the same"),
];

/// A role's name in its template.
fn logical(role: &str) -> String {
    role.split(['-', '/']).find(|part| part.ends_with("Role")).unwrap_or(role).to_string()
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

    /// Adds what other cases needed.
    pub fn join(&mut self, others: Needs) {
        for (grant, used) in others.0 {
            self.0.entry(grant).or_insert(used);
        }
    }

    /// What the roles of a world are granted, no case needed and nothing excuses, one line each; the same role of several stacks is one.
    pub fn unneeded(&self, world: &World) -> BTreeSet<String> {
        let plain = |g: &Grant| (logical(&g.role), g.statement.clone(), g.action.clone());
        let needed: BTreeSet<_> = self.0.keys().map(plain).collect();
        let all: BTreeSet<_> = world.roles.values().flat_map(granted).map(|g| plain(&g)).collect();
        let excused = |role: &str, statement: &str| UNSEEN.iter().any(|(end, sid, _)| role.ends_with(end) && *sid == statement);
        all.difference(&needed)
            .filter(|(role, sid, _)| !excused(role, sid))
            .map(|(role, sid, action)| format!("{role}: {action} ({sid}) is never needed"))
            .collect()
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
