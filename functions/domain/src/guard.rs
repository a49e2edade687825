//! The guard: what an operation on one node would do to the chain's voting power, and whether the chain can spare it.

use crate::fault::{Class, Fault};
use crate::manifest::ManifestNode;
use crate::order::NodeAnswer;
use serde::{Deserialize, Serialize};

/// A node whose height is this much below the highest does not sign the blocks of now.
const BEHIND: u64 = 3;

/// Chains up to this size have nothing to spare; they may be stopped whole when the request says so.
const WHOLE_STOP_MAX: usize = 3;

/// What the guard decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Power of the whole set.
    pub total: u64,
    /// Power that signs now.
    pub signing: u64,
    /// Power that would still sign while the node is down.
    pub remaining: u64,
    /// With the node back the chain makes blocks, so that its height must grow before it counts as back.
    pub expect_blocks: bool,
}

/// Decides from a look at every node (`check-health`). Another node that does not answer, or stands behind, does not sign; `node`
/// itself, if it could not be looked at, may be signing. Allowed is an operation that
/// takes no signing power away, one that leaves more than two thirds of all power signing, or one on a chain of up to three
/// validators with `whole_stop`. Else `Conflict`, with the numbers.
pub fn decide(nodes: &[ManifestNode], health: &[NodeAnswer], node: &str, takes_down: bool, whole_stop: bool) -> Result<Guard, Fault> {
    let (mut total, mut signing, mut own, mut own_signs) = (0, 0, 0, false);
    let tip = health.iter().filter_map(|a| a.result["height"].as_u64()).max().unwrap_or_default();
    for n in nodes.iter().filter(|n| n.kind == "validator") {
        let look = health.iter().find(|a| a.node == n.name && a.fault.is_none()).map(|a| &a.result);
        // A node that is up tells its power in the set (0 = jailed or removed); of the others only the manifest speaks.
        let power = look.and_then(|l| l["power"].as_u64()).unwrap_or(u64::from(n.power));
        // One that stands behind the others goes on showing its own old votes.
        let signs = look.is_some_and(|l| l["signing"] == true && l["height"].as_u64().unwrap_or_default() + BEHIND >= tip);
        total += power;
        signing += if signs { power } else { 0 };
        if n.name == node {
            // Of one that could not be looked at nothing is known: it may be signing.
            (own, own_signs) = (power, signs || look.is_none());
        }
    }
    let known: u64 = if health.iter().any(|a| a.node == node && a.fault.is_none()) && own_signs { own } else { 0 };
    let remaining = signing - known;
    let enough = |power: u64| power * 3 > total * 2;
    let expect_blocks = enough(remaining + own);
    let spared = !takes_down || !own_signs || enough(remaining) || (whole_stop && nodes.len() <= WHOLE_STOP_MAX);
    if spared {
        return Ok(Guard { total, signing, remaining, expect_blocks });
    }
    let hint = if nodes.len() <= WHOLE_STOP_MAX {
        "; a chain of one to three validators may be stopped whole: ask for it with whole_stop"
    } else {
        "; bring the silent ones back first"
    };
    let text = format!("without {node} {remaining} of {total} voting power would sign, and blocks need more than two thirds ({signing} sign now){hint}");
    Err(Fault::new(Class::Conflict, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn network(powers: &[(u64, bool)]) -> (Vec<ManifestNode>, Vec<NodeAnswer>) {
        let node = |i: usize| ManifestNode { name: format!("node{i}"), kind: "validator".into(), power: 100, ..ManifestNode::default() };
        let answer = |(i, (power, signs)): (usize, &(u64, bool))| NodeAnswer {
            node: format!("node{i}"),
            result: json!({"power": power, "signing": signs, "height": 9}),
            fault: None,
        };
        ((0..powers.len()).map(node).collect(), powers.iter().enumerate().map(answer).collect())
    }

    #[test]
    fn more_than_two_thirds_stay() {
        let decide = |powers: &[(u64, bool)], node: &str, whole: bool| {
            let (nodes, health) = network(powers);
            super::decide(&nodes, &health, node, true, whole)
        };
        let up = (100, true);
        assert_eq!(decide(&[up; 4], "node1", false).expect("3 of 4 is enough").remaining, 300);
        let two_down = decide(&[up, up, up, (100, false)], "node1", false).expect_err("2 of 4 is not");
        assert!(two_down.class == Class::Conflict && two_down.message.contains("200 of 400"), "{two_down}");
        // One that does not sign may always be touched; a jailed one counts for nothing.
        assert!(decide(&[up, up, up, (100, false)], "node3", false).is_ok());
        assert!(decide(&[up, up, up, (0, false)], "node1", false).is_err());
        assert!(decide(&[up, up, up, up, (0, false)], "node1", false).is_ok());
        // Seven bear two.
        assert!(decide(&[up, up, up, up, up, up, (100, false)], "node0", false).is_ok());
        // Up to three only as a declared whole stop; four never.
        assert!(decide(&[up; 3], "node0", false).is_err());
        assert!(decide(&[up; 3], "node0", true).is_ok());
        assert!(decide(&[up, up, (100, false), (100, false)], "node0", true).is_err());
    }

    #[test]
    fn blocks_are_expected_when_there_is_power_for_them() {
        let (nodes, health) = network(&[(100, false); 4]);
        assert!(!decide(&nodes, &health, "node0", false, false).expect("starting takes nothing").expect_blocks);
        let (nodes, health) = network(&[(100, true), (100, true), (100, false), (100, false)]);
        assert!(decide(&nodes, &health, "node2", false, false).expect("the third of four").expect_blocks);
        let (nodes, mut health) = network(&[(100, true); 4]);
        health.truncate(2);
        assert!(decide(&nodes, &health, "node0", true, false).is_err(), "who does not answer does not sign");
        assert!(decide(&nodes, &health, "node3", true, false).is_err(), "but may be signing when it is the one to be touched");
        assert!(decide(&nodes, &[], "node3", true, false).is_err(), "nobody was seen");
    }

    #[test]
    fn a_node_that_stands_behind_does_not_sign() {
        let (nodes, mut health) = network(&[(100, true); 4]);
        (0..3).for_each(|i| health[i].result["height"] = json!(40));
        // node3 had a consensus failure at 9 and shows its own last votes: 300 sign, so none of them can be spared.
        assert!(decide(&nodes, &health, "node0", true, false).is_err());
        assert!(decide(&nodes, &health, "node3", true, false).is_ok());
    }
}
