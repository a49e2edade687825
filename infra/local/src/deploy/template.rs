//! Templates as text to values, and the intrinsic functions.

use super::DeployError;
use crate::names;
use crate::world::World;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

thread_local! {
    /// Templates that were read before: a campaign deploys the same ones into every world. Only looked up by name.
    static READ: RefCell<HashMap<String, Value>> = RefCell::default();
}

/// Reads YAML with CloudFormation's short tags into the long JSON form.
pub fn parse(text: &str) -> Result<Value, DeployError> {
    if let Some(known) = READ.with_borrow(|read| read.get(text).cloned()) {
        return Ok(known);
    }
    let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).map_err(|e| e.to_string())?;
    let template = convert(yaml)?;
    READ.with_borrow_mut(|read| read.insert(text.into(), template.clone()));
    Ok(template)
}

fn convert(value: serde_yaml_ng::Value) -> Result<Value, DeployError> {
    use serde_yaml_ng::Value as Y;
    Ok(match value {
        Y::Null => Value::Null,
        Y::Bool(b) => Value::Bool(b),
        Y::Number(n) => n.as_i64().map(Value::from).or_else(|| n.as_f64().map(Value::from)).unwrap_or(Value::Null),
        Y::String(s) => Value::String(s),
        Y::Sequence(items) => items.into_iter().map(convert).collect::<Result<_, _>>()?,
        Y::Mapping(map) => {
            let pair = |(k, v): (Y, Y)| Ok((k.as_str().ok_or("a key is not text")?.to_string(), convert(v)?));
            Value::Object(map.into_iter().map(pair).collect::<Result<Map<_, _>, DeployError>>()?)
        }
        Y::Tagged(t) => {
            let (tag, inner) = (t.tag.to_string().trim_start_matches('!').to_string(), convert(t.value)?);
            match (tag.as_str(), inner) {
                ("Ref" | "Condition", v) => json!({ tag: v }),
                ("GetAtt", Value::String(s)) => {
                    let (name, attribute) = s.split_once('.').ok_or("GetAtt needs Name.Attribute")?;
                    json!({"Fn::GetAtt": [name, attribute]})
                }
                (_, v) => json!({format!("Fn::{tag}"): v}),
            }
        }
    })
}

/// Every name that a value refers to.
pub(crate) fn names_in(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(k, v)| match (k.as_str(), v) {
                ("Ref", Value::String(s)) => vec![s.clone()],
                ("Fn::GetAtt", Value::Array(a)) => a.first().and_then(Value::as_str).map(String::from).into_iter().collect(),
                ("DependsOn", Value::String(s)) => vec![s.clone()],
                ("DependsOn", Value::Array(a)) => a.iter().filter_map(|v| v.as_str().map(String::from)).collect(),
                ("Fn::Sub", Value::String(s)) => in_sub(s),
                ("Fn::Sub", Value::Array(a)) => {
                    a.first().and_then(Value::as_str).map(in_sub).unwrap_or_default().into_iter().chain(a.iter().skip(1).flat_map(names_in)).collect()
                }
                (_, v) => names_in(v),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(names_in).collect(),
        _ => vec![],
    }
}

fn in_sub(text: &str) -> Vec<String> {
    text.split("${").skip(1).filter_map(|p| p.split('}').next()).filter(|n| !n.starts_with('!')).map(|n| n.split('.').next().unwrap_or(n).to_string()).collect()
}

/// What names mean while a stack is made.
pub(crate) struct Scope {
    pub account: String,
    pub region: String,
    pub stack: String,
    references: BTreeMap<String, Value>,
    attributes: BTreeMap<String, BTreeMap<String, String>>,
    conditions: BTreeMap<String, bool>,
    mappings: Value,
}

impl Scope {
    /// Parameters with their defaults, checked; pseudo parameters; conditions. `id` = the stack's ARN.
    pub fn new(id: &str, template: &Value, given: &BTreeMap<String, String>) -> Result<Scope, DeployError> {
        let (account, region, stack) = (names::account_of(id), names::region_of(id), id.split('/').nth(1).unwrap_or_default());
        let mut references: BTreeMap<String, Value> = BTreeMap::new();
        let (partition, suffix) = (names::partition(region), names::suffix(region));
        let pseudo = [("Region", region), ("AccountId", account), ("StackName", stack), ("StackId", id), ("Partition", partition), ("URLSuffix", suffix)];
        for (name, value) in pseudo {
            references.insert(format!("AWS::{name}"), json!(value));
        }
        references.insert("AWS::NoValue".into(), json!({"Ref": "AWS::NoValue"}));
        let declared = template["Parameters"].as_object().cloned().unwrap_or_default();
        if let Some(stranger) = given.keys().find(|k| !declared.contains_key(*k)) {
            return Err(format!("{stack}: parameters: [{stranger}] do not exist in the template"));
        }
        for (name, definition) in &declared {
            let default = definition.get("Default").map(|d| d.as_str().map(String::from).unwrap_or_else(|| d.to_string()));
            let value = given.get(name).cloned().or(default).ok_or_else(|| format!("{stack}: parameter {name} must have a value"))?;
            let allowed = definition["AllowedValues"].as_array();
            if allowed.is_some_and(|a| !a.iter().any(|v| v.as_str().map(String::from).unwrap_or_else(|| v.to_string()) == value)) {
                return Err(format!("{stack}: parameter {name}: {value} is not an allowed value"));
            }
            let kind = definition["Type"].as_str().unwrap_or_default();
            let value = match kind {
                "String" | "Number" => json!(value),
                "CommaDelimitedList" | "List<String>" => value.split(',').map(|s| json!(s.trim())).collect(),
                // A public parameter: the local cloud has one image for each name.
                k if k.starts_with("AWS::SSM::Parameter::Value<AWS::EC2::Image") => json!(format!("ami-0{}", &domain::ids::sha256_hex(value.as_bytes())[..16])),
                other => return Err(format!("{stack}: parameter {name}: the local cloud does not have the type {other}")),
            };
            references.insert(name.clone(), value);
        }
        let mut scope = Scope {
            account: account.into(),
            region: region.into(),
            stack: stack.into(),
            references,
            attributes: BTreeMap::new(),
            conditions: BTreeMap::new(),
            mappings: template["Mappings"].clone(),
        };
        for (name, condition) in template["Conditions"].as_object().into_iter().flatten() {
            let holds = scope.resolve(condition)?.as_bool().ok_or_else(|| format!("{stack}: condition {name} is not true or false"))?;
            scope.conditions.insert(name.clone(), holds);
        }
        Ok(scope)
    }

    /// Whether a resource's condition holds.
    pub fn holds(&self, condition: Option<&Value>) -> bool {
        condition.and_then(Value::as_str).is_none_or(|c| self.conditions.get(c).copied().unwrap_or(false))
    }

    /// A resource was made.
    pub fn made(&mut self, logical: &str, physical: String, attributes: BTreeMap<String, String>) {
        self.references.insert(logical.into(), json!(physical));
        self.attributes.insert(logical.into(), attributes);
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<Value, DeployError> {
        let found = self.attributes.get(name).and_then(|a| a.get(attribute));
        found.map(|v| json!(v)).ok_or_else(|| format!("{}: {name} has no attribute {attribute}", self.stack))
    }

    fn reference(&self, name: &str) -> Result<Value, DeployError> {
        match name.split_once('.') {
            Some((resource, attribute)) => self.attribute(resource, attribute),
            None => self.references.get(name).cloned().ok_or_else(|| format!("{}: nothing is called {name}", self.stack)),
        }
    }

    fn sub(&self, text: &str, own: &Value) -> Result<Value, DeployError> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}').ok_or("Sub has no closing brace")?;
            out += before;
            match name.strip_prefix('!') {
                Some(literal) => out += &format!("${{{literal}}}"),
                None => {
                    let value = match own.get(name) {
                        Some(v) => self.resolve(v)?,
                        None => self.reference(name)?,
                    };
                    out += value.as_str().ok_or_else(|| format!("Sub: {name} is not text"))?;
                }
            }
            rest = tail;
        }
        Ok(json!(out + rest))
    }

    /// Carries out every intrinsic in a value.
    pub fn resolve(&self, value: &Value) -> Result<Value, DeployError> {
        let Value::Object(members) = value else {
            return match value {
                Value::Array(items) => {
                    let all: Vec<Value> = items.iter().map(|v| self.resolve(v)).collect::<Result<_, _>>()?;
                    Ok(all.into_iter().filter(|v| !is_no_value(v)).collect())
                }
                other => Ok(other.clone()),
            };
        };
        if let (1, Some((name, argument))) = (members.len(), members.iter().next()) {
            if name == "Ref" {
                return self.reference(argument.as_str().unwrap_or_default());
            }
            if name == "Condition" && argument.is_string() {
                return Ok(json!(self.holds(Some(argument))));
            }
            if let Some(function) = name.strip_prefix("Fn::") {
                return self.function(function, argument);
            }
        }
        let pairs = members.iter().map(|(k, v)| Ok((k.clone(), self.resolve(v)?))).collect::<Result<Vec<_>, DeployError>>()?;
        Ok(Value::Object(pairs.into_iter().filter(|(_, v)| !is_no_value(v)).collect()))
    }

    fn function(&self, function: &str, argument: &Value) -> Result<Value, DeployError> {
        let resolved = |i: usize| self.resolve(&argument[i]);
        let text = |v: &Value| v.as_str().map(String::from).unwrap_or_else(|| v.to_string());
        match function {
            "GetAtt" => self.attribute(argument[0].as_str().unwrap_or_default(), argument[1].as_str().unwrap_or_default()),
            "Sub" => match argument {
                Value::Array(a) => self.sub(a[0].as_str().unwrap_or_default(), &a[1]),
                other => self.sub(other.as_str().unwrap_or_default(), &Value::Null),
            },
            "Join" => {
                let parts = resolved(1)?;
                let parts: Vec<String> = parts.as_array().into_iter().flatten().map(text).collect();
                Ok(json!(parts.join(argument[0].as_str().unwrap_or_default())))
            }
            "Split" => Ok(text(&resolved(1)?).split(argument[0].as_str().unwrap_or(",")).map(|s| json!(s)).collect()),
            "Select" => {
                let index: usize = text(&resolved(0)?).parse().map_err(|_| "Select needs a number")?;
                Ok(resolved(1)?[index].clone())
            }
            "Equals" => Ok(json!(text(&resolved(0)?) == text(&resolved(1)?))),
            "Not" => Ok(json!(resolved(0)? != json!(true))),
            "If" => self.resolve(&argument[if self.holds(Some(&argument[0])) { 1 } else { 2 }]),
            "Base64" => {
                use base64::Engine;
                Ok(json!(base64::engine::general_purpose::STANDARD.encode(text(&self.resolve(argument)?))))
            }
            "GetAZs" => Ok(["a", "b", "c"].iter().map(|z| json!(format!("{}{z}", self.region))).collect()),
            "FindInMap" => Ok(self.mappings[text(&resolved(0)?)][text(&resolved(1)?)][text(&resolved(2)?)].clone()),
            "Cidr" => {
                let (block, count, bits) = (text(&resolved(0)?), text(&resolved(1)?), text(&resolved(2)?));
                let (count, bits): (u32, u32) = (count.parse().unwrap_or(1), bits.parse().unwrap_or(8));
                let base = names::ip_number(block.split('/').next().unwrap_or_default());
                Ok((0..count).map(|i| json!(format!("{}/{}", names::ip_text(base + (i << bits)), 32 - bits))).collect())
            }
            other => Err(format!("{}: the local cloud does not have Fn::{other}", self.stack)),
        }
    }
}

fn is_no_value(value: &Value) -> bool {
    value.get("Ref").is_some_and(|r| r == "AWS::NoValue")
}

/// Content of an object that a template names by URL.
pub(crate) fn by_url(world: &World, url: &str) -> Option<String> {
    let (host, key) = url.strip_prefix("https://")?.split_once('/')?;
    let bucket = host.split(".s3.").next()?;
    Some(world.buckets.get(bucket)?.objects.get(key)?.text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_and_intrinsics() {
        let t = parse("Parameters:\n  P: {Type: String, Default: x}\nConditions:\n  C: !Equals [!Ref P, x]\nA: !If [C, !Sub 'a-${P}-${AWS::Region}', no]\nB: !Select [1, !Cidr [10.64.0.0/20, 3, 10]]\nN: {K: !Ref 'AWS::NoValue', L: 1}\n").expect("yaml");
        let id = "arn:aws:cloudformation:us-east-1:111122223333:stack/s/u";
        let scope = Scope::new(id, &t, &BTreeMap::new()).expect("scope");
        assert_eq!(scope.resolve(&t["A"]).expect("A"), json!("a-x-us-east-1"));
        assert_eq!(scope.resolve(&t["B"]).expect("B"), json!("10.64.4.0/22"));
        assert_eq!(scope.resolve(&t["N"]).expect("N"), json!({"L": 1}));
        assert!(scope.resolve(&json!({"Fn::Transform": []})).is_err());
        assert_eq!(scope.resolve(&json!({"Fn::Sub": "${AWS::StackName} ${AWS::StackId}"})).expect("sub"), json!(format!("s {id}")));
        assert!(Scope::new("arn:aws:cloudformation:r:1:stack/s/u", &t, &[("Q".to_string(), String::new())].into()).is_err());
    }
}
