//! CloudFormation: the shipped templates, with the intrinsics and resource types that they use; anything else is refused.

mod delete;
mod properties;
mod resources;
mod template;

pub use template::parse;

use crate::cloud::{ApiError, Cloud};
use crate::names;
use crate::services::events::Bus;
use crate::world::Stack;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use template::Scope;

/// What is wrong with a template or its parameters.
pub type DeployError = String;

impl Cloud {
    /// Deploys a template as a stack and gives its outputs. A stack that exists already is left as it is.
    pub fn deploy(
        &self,
        account: &str,
        region: &str,
        name: &str,
        text: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, DeployError> {
        let key = format!("{account}/{region}/{name}");
        if let Some(found) = self.world().stacks.get(&key) {
            return Ok(found.outputs.clone());
        }
        let template = parse(text)?;
        let id = names::arn("cloudformation", region, account, &format!("stack/{name}/{}", self.world().uuid()));
        let mut scope = Scope::new(&id, &template, parameters)?;
        let mut stack = Stack { id, name: name.into(), account: account.into(), region: region.into(), ..Stack::default() };
        for logical in order(&template, &scope)? {
            let resource = &template["Resources"][&logical];
            let kind = resource["Type"].as_str().unwrap_or_default();
            let given = scope.resolve(&resource["Properties"])?;
            properties::check(kind, &given).map_err(|e| format!("{name}.{logical}: {e}"))?;
            let (physical, attributes) = resources::create(self, &scope, kind, &logical, &given).map_err(|e| format!("{name}.{logical}: {e}"))?;
            stack.resources.insert(logical.clone(), physical.clone());
            let kept = resource["DeletionPolicy"].as_str().is_some_and(|p| p.starts_with("Retain"));
            stack.kinds.insert(logical.clone(), (kind.into(), kept));
            scope.made(&logical, physical, attributes);
        }
        for (output, definition) in template["Outputs"].as_object().into_iter().flatten() {
            let value = scope.resolve(&definition["Value"])?;
            stack.outputs.insert(output.clone(), value.as_str().map(String::from).unwrap_or_else(|| value.to_string()));
        }
        let (id, outputs) = (stack.id.clone(), stack.outputs.clone());
        self.world().stacks.insert(key, stack);
        self.changed();
        self.tell_status(&id, "CREATE_COMPLETE");
        Ok(outputs)
    }

    /// What CloudFormation tells its account's default bus.
    fn tell_status(&self, stack: &str, status: &str) {
        let detail = json!({"stack-id": stack, "status-details": {"status": status, "status-reason": ""}});
        let bus = Bus::default(names::account_of(stack), names::region_of(stack));
        self.tell_bus(&bus, "aws.cloudformation", "CloudFormation Stack Status Change", detail, stack);
    }

    /// Makes a bucket outside any stack: where the artefacts lie that a stack is made from.
    pub fn make_bucket(&self, account: &str, region: &str, name: &str) {
        let mut world = self.world();
        let bucket = world.buckets.entry(name.into()).or_default();
        (bucket.account, bucket.region) = (account.into(), region.into());
    }

    /// Puts an object into a bucket directly.
    pub fn put_artefact(&self, bucket: &str, key: &str, text: &str) -> Result<(), ApiError> {
        let now = self.now_ms();
        let mut world = self.world();
        let found = world.buckets.get_mut(bucket).ok_or_else(|| ApiError::new("NoSuchBucket", 404, bucket))?;
        let etag = format!("\"{}\"", &domain::ids::sha256_hex(text.as_bytes())[..32]);
        found.objects.insert(key.into(), crate::world::Object { text: text.into(), etag, written_ms: now });
        Ok(())
    }
}

/// Resources in an order in which each comes after what it names.
fn order(template: &Value, scope: &Scope) -> Result<Vec<String>, DeployError> {
    let all = template["Resources"].as_object().ok_or("the template has no Resources")?;
    let wanted: Vec<&String> = all.iter().filter(|(_, r)| scope.holds(r.get("Condition"))).map(|(k, _)| k).collect();
    let mut done: Vec<String> = vec![];
    while done.len() < wanted.len() {
        let ready = wanted.iter().find(|name| {
            let resource = &all[**name];
            !done.contains(**name) && template::names_in(resource).iter().all(|n| !wanted.contains(&n) || done.contains(n))
        });
        done.push(ready.ok_or_else(|| "resources name each other in a circle".to_string())?.to_string());
    }
    Ok(done)
}
