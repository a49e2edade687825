//! Reads that lag writes: for a minute after a call whose effect is late, reads of its service there show the world as it was before.
//!
//! EC2, Systems Manager and Step Functions are eventually consistent; S3 is not, so its effects are never late.

use crate::cloud::{Call, Cloud, Reply};
use crate::services::{self, mutates};
use crate::world::World;

/// How long reads may lag, ms: EC2 advises to wait "a few minutes" at most and to retry with back-off; design.md's tests ask for 60 s.
const LAG_MS: u64 = 60_000;

/// What reads of one service in one account and region show, and until when.
pub(crate) struct Lag {
    service: String,
    account: String,
    region: String,
    until_ms: u64,
    world: Box<World>,
}

/// Whether the effect of an action may be late.
pub fn can_lag(service: &str, action: &str) -> bool {
    lags(service) && mutates(action)
}

fn lags(service: &str) -> bool {
    matches!(service, "ec2" | "ssm" | "states")
}

impl Cloud {
    /// From now on reads beside this call do not see its effect.
    pub(crate) fn lag(&self, call: &Call) {
        if !can_lag(&call.service, &call.action) {
            return;
        }
        let lag = Lag {
            service: call.service.clone(),
            account: call.principal.account.clone(),
            region: call.region.clone(),
            until_ms: self.now_ms() + LAG_MS,
            world: Box::new(self.world().clone()),
        };
        self.0.lags.lock().unwrap_or_else(|p| p.into_inner()).push(lag);
    }

    /// The answer of a read that lags; `None` = it sees everything.
    pub(crate) fn stale(&self, call: &Call) -> Option<Reply> {
        if mutates(&call.action) || !lags(&call.service) {
            return None;
        }
        let now = self.now_ms();
        let mut list = self.0.lags.lock().unwrap_or_else(|p| p.into_inner());
        list.retain(|l| l.until_ms > now);
        let lag = list.iter_mut().find(|l| l.service == call.service && l.account == call.principal.account && l.region == call.region)?;
        // The reads of these services wait for nothing, so nobody else sees the exchanged world.
        std::mem::swap(&mut *self.world(), &mut *lag.world);
        let reply = pollster::block_on(services::dispatch(self, call));
        std::mem::swap(&mut *self.world(), &mut *lag.world);
        Some(reply)
    }
}
