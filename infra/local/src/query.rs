//! Forms and XML: the Query protocols' flat names to nested values, and values to elements.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Percent-decodes.
pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// `a=b&c=d`.
pub(crate) fn pairs(text: &str) -> BTreeMap<String, String> {
    let split = |p: &str| {
        let (k, v) = p.split_once('=').unwrap_or((p, ""));
        (decode(&k.replace('+', " ")), decode(&v.replace('+', " ")))
    };
    text.split('&').filter(|p| !p.is_empty()).map(split).collect()
}

/// `Tag.1.Key=x` to `{"Tag":[{"Key":"x"}]}`; `Action` and `Version` are not parameters.
pub(crate) fn nested(form: &BTreeMap<String, String>) -> Value {
    let mut root = Tree::default();
    for (name, value) in form.iter().filter(|(k, _)| *k != "Action" && *k != "Version") {
        let mut at = &mut root;
        for part in name.split('.') {
            at = at.children.entry(part.into()).or_default();
        }
        at.value = Some(value.clone());
    }
    root.json()
}

#[derive(Default)]
struct Tree {
    value: Option<String>,
    children: BTreeMap<String, Tree>,
}

impl Tree {
    fn json(self) -> Value {
        if self.children.is_empty() {
            return self.value.map(Value::String).unwrap_or_else(|| Value::Object(Map::new()));
        }
        if self.children.keys().all(|k| k.parse::<u32>().is_ok()) {
            let mut items: Vec<(u32, Tree)> = self.children.into_iter().map(|(k, t)| (k.parse().unwrap_or_default(), t)).collect();
            items.sort_by_key(|(k, _)| *k);
            return Value::Array(items.into_iter().map(|(_, t)| t.json()).collect());
        }
        Value::Object(self.children.into_iter().map(|(k, t)| (k, t.json())).collect())
    }
}

/// Text inside an element.
pub(crate) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// Members as elements; a list is an element of `item` elements.
pub(crate) fn xml(value: &Value, item: &str) -> String {
    match value {
        Value::Object(members) => members.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| format!("<{k}>{}</{k}>", xml(v, item))).collect(),
        Value::Array(items) => items.iter().map(|v| format!("<{item}>{}</{item}>", xml(v, item))).collect(),
        Value::String(s) => escape(s),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Keys of a DeleteObjects body.
pub(crate) fn keys_of_delete(body: &str) -> Vec<String> {
    let inner = |part: &str| part.split("</Key>").next().map(|k| quick_xml::escape::unescape(k).map(|c| c.into_owned()).unwrap_or_default());
    body.split("<Key>").skip(1).filter_map(inner).collect()
}

/// The content of an aws-chunked body.
pub(crate) fn unchunk(body: &[u8]) -> Vec<u8> {
    let (mut content, mut rest) = (vec![], body);
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size = usize::from_str_radix(head.split(';').next().unwrap_or_default(), 16).unwrap_or(0);
        let start = end + 2;
        if size == 0 || start + size > rest.len() {
            break;
        }
        content.extend_from_slice(&rest[start..start + size]);
        rest = rest.get(start + size + 2..).unwrap_or_default();
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_names_become_lists_and_objects() {
        let form = pairs("Action=RunInstances&Version=1&TagSpecification.1.Tag.2.Key=b&TagSpecification.1.Tag.1.Key=a%2Fb&MinCount=2");
        let v = nested(&form);
        assert_eq!(v, serde_json::json!({"MinCount": "2", "TagSpecification": [{"Tag": [{"Key": "a/b"}, {"Key": "b"}]}]}));
        assert_eq!(xml(&serde_json::json!({"a": [1, {"b": "<"}]}), "item"), "<a><item>1</item><item><b>&lt;</b></item></a>");
        assert_eq!(unchunk(b"3\r\nabc\r\n0\r\nx-amz-checksum:1\r\n\r\n"), b"abc");
    }
}
