//! What connects networks: VPC peering connections. Routes and group rules lie among the plain resources, whoever made them.

use super::Tags;
use serde::{Deserialize, Serialize};

/// A request ends unanswered after this many ms: 7 days, fixed (aws.md 4).
const ANSWER_WITHIN: u64 = 7 * 86_400_000;
/// A deleted or failed connection is shown this much longer, ms (aws.md 4 has 2 h for failed ones).
const SHOWN: u64 = 2 * 3_600_000;
/// An expired one is shown for two days (aws.md 4).
const SHOWN_EXPIRED: u64 = 2 * 86_400_000;

/// One end of a peering connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// VPC.
    pub vpc: String,
    /// The VPC's range; empty if there is no such VPC.
    pub cidr: String,
    /// This side's own tags: they do not cross accounts.
    pub tags: Tags,
}

/// One VPC peering connection. Its state follows from the times, as an instance's does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Peering {
    /// Id.
    pub id: String,
    /// Who asked.
    pub requester: Side,
    /// Who was asked.
    pub accepter: Side,
    /// Asked, ms.
    pub created_ms: u64,
    /// When the requester's reads show it.
    pub visible_ms: u64,
    /// When the accepter sees it, or when it fails.
    pub pending_ms: u64,
    /// Why it fails; empty = it does not.
    pub failure: String,
    /// Accepted, ms; 0 = not.
    pub accepted_ms: u64,
    /// When traffic may pass, ms.
    pub active_ms: u64,
    /// Deleted, ms; 0 = not.
    pub deleted_ms: u64,
    /// Account that deleted it.
    pub deleted_by: String,
}

impl Peering {
    /// State as EC2 names it.
    pub fn state(&self, now: u64) -> &'static str {
        match () {
            _ if self.deleted_ms > 0 && now >= self.deleted_ms => "deleted",
            _ if self.accepted_ms > 0 && now >= self.active_ms => "active",
            _ if self.accepted_ms > 0 => "provisioning",
            _ if now < self.pending_ms => "initiating-request",
            _ if !self.failure.is_empty() => "failed",
            _ if now >= self.expires_ms() => "expired",
            _ => "pending-acceptance",
        }
    }

    /// When an unanswered request ends, ms.
    pub fn expires_ms(&self) -> u64 {
        self.created_ms + ANSWER_WITHIN
    }

    /// Whether nobody is shown it any more.
    pub fn is_forgotten(&self, now: u64) -> bool {
        match self.state(now) {
            "deleted" => now >= self.deleted_ms + SHOWN,
            "failed" => now >= self.pending_ms + SHOWN,
            "expired" => now >= self.expires_ms() + SHOWN_EXPIRED,
            _ => false,
        }
    }

    /// Whether it is asked for, being made or there: what stands in the way of another one and counts against quotas.
    pub fn is_open(&self, now: u64) -> bool {
        matches!(self.state(now), "initiating-request" | "pending-acceptance" | "provisioning" | "active")
    }

    /// Whether it has a VPC as one of its ends.
    pub fn touches(&self, vpc: &str) -> bool {
        self.requester.vpc == vpc || self.accepter.vpc == vpc
    }

    /// Whether it connects exactly these two VPCs, whoever asked.
    pub fn links(&self, a: &str, b: &str) -> bool {
        (self.requester.vpc == a && self.accepter.vpc == b) || (self.requester.vpc == b && self.accepter.vpc == a)
    }
}
