//! Configuration files edited by path: what is not named stays, and what was written is read back.

use domain::{Class, Fault};
use serde_json::{Map, Value};
use toml_edit::{DocumentMut, Item};

fn item(value: &Value) -> Item {
    match value {
        Value::Bool(b) => toml_edit::value(*b),
        Value::Number(n) => toml_edit::value(n.as_i64().unwrap_or_default()),
        Value::String(s) => toml_edit::value(s.as_str()),
        other => toml_edit::value(other.to_string()),
    }
}

fn document(text: &str, file: &str) -> Result<DocumentMut, Fault> {
    text.parse().map_err(|e| Fault::internal(format!("{file}: {e}")))
}

/// Sets values by dotted path. A key that the file does not have is refused: irita ignores unknown keys in silence.
pub fn set(text: &str, values: &Map<String, Value>, file: &str) -> Result<String, Fault> {
    let mut doc = document(text, file)?;
    for (path, value) in values {
        let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
        let table = if section.is_empty() { Some(doc.as_table_mut()) } else { doc.get_mut(section).and_then(Item::as_table_mut) };
        let old = table.and_then(|t| t.get_mut(key));
        let old = old.ok_or_else(|| Fault::new(Class::InvalidInput, format!("`{path}`: {file} has no such key, and irita would ignore it in silence")))?;
        *old = item(value);
    }
    let text = doc.to_string();
    let written = document(&text, file)?;
    for (path, value) in values {
        let found = value_at(&written, path, file)?;
        if found != *value {
            return Err(Fault::internal(format!("{file}: {path} reads back as {found}")));
        }
    }
    Ok(text)
}

/// A value by dotted path.
pub fn get(text: &str, path: &str, file: &str) -> Result<Value, Fault> {
    value_at(&document(text, file)?, path, file)
}

fn value_at(doc: &DocumentMut, path: &str, file: &str) -> Result<Value, Fault> {
    let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
    let table = if section.is_empty() { Some(doc.as_table()) } else { doc.get(section).and_then(Item::as_table) };
    let found = table.and_then(|t| t.get(key)).and_then(Item::as_value);
    let found = found.ok_or_else(|| Fault::field(path, format!("{file} has no such value"), "\"consensus.timeout_commit\""))?;
    Ok(match found {
        toml_edit::Value::Boolean(b) => Value::Bool(*b.value()),
        toml_edit::Value::Integer(n) => Value::from(*n.value()),
        toml_edit::Value::String(s) => Value::from(s.value().clone()),
        other => Value::from(other.to_string().trim()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn known_keys_are_changed_and_unknown_ones_refused() {
        let file = include_str!("../tests/fixtures/init.config.toml");
        let Value::Object(values) = json!({"moniker": "node1", "p2p.addr_book_strict": false, "mempool.size": 9000}) else { panic!() };
        let text = set(file, &values, "config.toml").expect("sets");
        assert!(text.contains("moniker = \"node1\"") && text.contains("addr_book_strict = false") && text.contains("size = 9000"));
        assert!(text.contains("keep-invalid-txs-in-cache = false"));
        assert_eq!(get(&text, "mempool.size", "config.toml").expect("there"), json!(9000));
        assert!(get(&text, "mempool.nope", "config.toml").is_err());
        for unknown in ["p2p.nope", "nope.size", "sizes"] {
            let Value::Object(values) = json!({ unknown: 1 }) else { panic!() };
            assert_eq!(set(file, &values, "config.toml").expect_err(unknown).class, Class::InvalidInput);
        }
    }
}
