//! What is compared of an answer of irita: exit code, streams, JSON members, the error line. What differs from one chain to the
//! next (addresses, hashes, heights, folders) is replaced by placeholders.

use nodectl::Output;
use serde_json::{Map, Value, json};

/// One step of the scenario and its answer, ready to be compared.
pub type Step = (String, Value);

/// What a command gave. `reads` names the members that count: `*` = all that there are, `code` = its kind, `code=` = its value.
/// Elements of arrays are merged: `validators[].power=`.
pub fn command(output: &Output, reads: &[&str], root: &str) -> Value {
    let mut answer = json!({"exit": output.code, "stdout": stream(&output.stdout), "stderr": stream(&output.stderr)});
    let said: Vec<&str> = output.stderr.lines().chain(output.stdout.lines()).collect();
    if let Some(at) = said.iter().position(|l| l.starts_with("Error:") || l.starts_with("panic:")) {
        // What stands before it, too: every passphrase that is refused has a line.
        answer["said"] = said[..=at].iter().map(|l| plain(l, root)).collect();
    }
    // A whole stream, or a line of one: passphrases that were refused stand before it.
    let streams = [output.stdout.trim(), output.stderr.trim()];
    let found = streams.into_iter().chain(streams.into_iter().flat_map(str::lines)).find_map(|s| serde_json::from_str::<Value>(s).ok().filter(is_json));
    if let Some(found) = found {
        answer["members"] = members(&found, reads, root);
    }
    answer
}

/// What a body of the RPC gave; `null` = nobody listens.
pub fn body(found: Option<&Value>, reads: &[&str], root: &str) -> Value {
    found.map(|f| members(f, reads, root)).unwrap_or_default()
}

fn is_json(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn stream(text: &str) -> &'static str {
    match text.trim() {
        "" if text.is_empty() => "empty",
        t if serde_json::from_str::<Value>(t).is_ok_and(|v| is_json(&v)) => "json",
        _ => "text",
    }
}

/// Members that count: path -> kind, or path -> values in order, whichever element of an array had them.
pub fn members(found: &Value, reads: &[&str], root: &str) -> Value {
    let mut all = vec![];
    walk(found, "", &mut all);
    let mut kept = Map::new();
    for (path, value) in &all {
        let by_value = reads.contains(&format!("{path}=").as_str());
        if !by_value && !reads.contains(&"*") && !reads.contains(&path.as_str()) {
            continue;
        }
        let shown = match value {
            Value::String(text) if by_value => json!(plain(text, root)),
            v if by_value => v.clone(),
            v => json!(kind(v)),
        };
        let list = kept.entry(path).or_insert_with(|| json!([]));
        let list = list.as_array_mut().expect("a list");
        // Kinds once each; values as often as they occur, since how many validators have a power is part of the answer.
        if by_value || !list.contains(&shown) {
            list.push(shown);
        }
    }
    kept.values_mut().for_each(|list| list.as_array_mut().expect("a list").sort_by_key(Value::to_string));
    Value::Object(kept)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn walk(value: &Value, path: &str, all: &mut Vec<(String, Value)>) {
    if !path.is_empty() {
        all.push((path.into(), value.clone()));
    }
    let below = |name: &str| if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, v)| walk(v, &below(name), all)),
        Value::Array(list) => list.iter().for_each(|v| walk(v, &format!("{path}[]"), all)),
        // A public key is JSON in a string.
        Value::String(text) if text.starts_with('{') => {
            if let Ok(inner @ Value::Object(_)) = serde_json::from_str(text) {
                walk(&inner, path, all);
            }
        }
        _ => {}
    }
}

/// A text without what differs from chain to chain.
pub fn plain(text: &str, root: &str) -> String {
    let text = if root.is_empty() { text.into() } else { text.replace(root, "<root>") };
    let (mut out, mut word) = (String::new(), String::new());
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || c == '.' {
            word.push(c);
            continue;
        }
        out.push_str(&placeholder(&word, &out));
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

fn placeholder(word: &str, before: &str) -> String {
    let (bare, dot) = word.strip_suffix('.').map_or((word, ""), |b| (b, "."));
    let hex = |n: usize| bare.len() == n && bare.chars().all(|c| c.is_ascii_hexdigit());
    let number = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit());
    let parts: Vec<&str> = bare.split('.').collect();
    let shown = match bare {
        _ if bare.starts_with("iaa1") && bare.len() > 40 => "<account>",
        _ if hex(64) => "<hash>",
        _ if hex(40) => "<id>",
        _ if number && before.ends_with("height ") => "<height>",
        _ if parts.len() == 4 && parts.iter().all(|p| p.parse::<u8>().is_ok()) => "<ip>",
        other => other,
    };
    format!("{shown}{dot}")
}

/// What differs between two runs of one scenario: the step, and both answers.
pub fn differences(simulated: &[Step], real: &[Step]) -> Vec<String> {
    let mut found = vec![];
    for i in 0..simulated.len().max(real.len()) {
        let (a, b) = (simulated.get(i), real.get(i));
        if a != b {
            let show = |s: Option<&Step>| s.map(|(name, answer)| format!("{name}: {answer}")).unwrap_or("no step".into());
            found.push(format!("step {i}\n  simulated {}\n  real      {}", show(a), show(b)));
        }
    }
    found
}
