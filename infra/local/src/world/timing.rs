//! What a benchmark asks of a world: latencies scaled by name, and a record of what was drawn, called and entered.

use super::World;
use crate::latency::Latency;
use std::collections::BTreeMap;

/// One drawn latency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Which.
    pub name: &'static str,
    /// Instance that it is about; empty = none.
    pub instance: String,
    /// When it was drawn, ms.
    pub at_ms: u64,
    /// How long, ms.
    pub ms: u64,
}

/// What was drawn, called and entered since [`crate::Cloud::take_note`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Latencies in the order they were drawn.
    pub samples: Vec<Sample>,
    /// Calls by (execution, state) on whose behalf they were made, then `service:Action`. Calls of nobody's state have empty names.
    pub calls: BTreeMap<(String, String), BTreeMap<String, u64>>,
    /// Transitions by (execution, state), those inside a Map and retries too.
    pub transitions: BTreeMap<(String, String), u64>,
}

impl World {
    /// A drawn length after this world's scale; without one nothing changes.
    pub fn scaled(&self, latency: &Latency, ms: u64) -> u64 {
        match self.latency_scale.get(latency.name) {
            Some(factor) => (ms as f64 * factor).round() as u64,
            None => ms,
        }
    }

    pub(crate) fn note_transition(&mut self, execution: &str, state: &str) {
        self.transitions += 1;
        if let Some(notes) = &mut self.notes {
            *notes.transitions.entry((execution.into(), state.into())).or_default() += 1;
        }
    }

    pub(crate) fn note_call(&mut self, (execution, state): (String, String), call: &str) {
        if let Some(notes) = &mut self.notes {
            *notes.calls.entry((execution, state)).or_default().entry(call.into()).or_default() += 1;
        }
    }
}
