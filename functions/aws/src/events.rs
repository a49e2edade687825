//! EventBridge: a member announces itself on the hub's bus, whose policy lists who may.

use crate::Clients;
use crate::classify::fault;
use aws_config::Region;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use domain::{Class, Fault};
use serde_json::Value;

impl Clients {
    /// Puts one event on a bus, in the region of the bus's ARN. There is no undo: an event is a fact.
    pub async fn put_event(&self, bus: &str, source: &str, kind: &str, detail: &Value) -> Result<(), Fault> {
        let region = bus.split(':').nth(3).unwrap_or_default().to_string();
        let client = match region == self.region() {
            true => self.events.clone(),
            false => aws_sdk_eventbridge::Client::from_conf(self.events.config().to_builder().region(Region::new(region)).build()),
        };
        let entry = PutEventsRequestEntry::builder().event_bus_name(bus).source(source).detail_type(kind).detail(detail.to_string()).build();
        let out = client.put_events().entries(entry).send().await.map_err(|e| fault("events", "PutEvents", e))?;
        match out.entries().iter().find_map(|e| e.error_code().map(|c| (c, e.error_message().unwrap_or_default()))) {
            None => Ok(()),
            Some((code, why)) => Err(Fault::new(Class::Denied, format!("events:PutEvents: {code}: {why}"))),
        }
    }

    /// Sets a bus's whole policy; saying the same twice is the same.
    pub async fn put_bus_policy(&self, bus: &str, policy: &Value) -> Result<(), Fault> {
        let call = self.events.put_permission().event_bus_name(bus).policy(policy.to_string());
        call.send().await.map(drop).map_err(|e| fault("events", "PutPermission", e))
    }
}
