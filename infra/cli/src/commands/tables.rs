//! What a person reads of a network: the table of its nodes, and who rules its chain.

use crate::lang::{Key, Lang};
use crate::report::NodeReport;
use domain::manifest::Manifest;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

/// A text in a column: Chinese characters are two columns wide.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// The nodes.
pub fn nodes(lang: Lang, nodes: &[NodeReport]) -> String {
    let row = |name: &str, instance: &str, address: &str, peer: &str, height: &str, rest: &str| {
        let right = " ".repeat(7usize.saturating_sub(height.width()));
        format!("{} {} {} {} {right}{height}  {rest}\n", pad(name, 8), pad(instance, 20), pad(address, 14), pad(peer, 41))
    };
    let word = |key| lang.text(key);
    let head = row(
        word(Key::NodeColumn),
        word(Key::InstanceColumn),
        word(Key::AddressColumn),
        word(Key::PeerColumn),
        word(Key::HeightColumn),
        word(Key::SigningColumn),
    );
    let line = |n: &NodeReport| {
        let signing = word(if n.signing { Key::Yes } else { Key::No });
        let state = if n.state == "running" { String::new() } else { format!(" ({})", n.state) };
        row(&n.name, &n.instance, &n.ip, &n.peer, &n.height.to_string(), &format!("{signing}{state}"))
    };
    head + &nodes.iter().map(line).collect::<String>()
}

/// Who rules the chain.
pub fn ruled_by(lang: Lang, manifest: &Manifest) -> String {
    let holders: Vec<String> = manifest.approval["holders"].as_array().into_iter().flatten().filter_map(Value::as_str).map(String::from).collect();
    let root = manifest.approval["root"].as_str().unwrap_or_else(|| lang.text(Key::Unknown));
    lang.say(Key::RuledBy, &[&manifest.approval["threshold"], &holders.len(), &lang.list(&holders), &root])
}

/// A state of a network, as the manifest or `status` names it.
pub fn state(lang: Lang, state: &str) -> String {
    let key = match state {
        "launching" => Key::StateLaunching,
        "launched" => Key::StateLaunched,
        "undone" => Key::StateUndone,
        "removing" => Key::StateRemoving,
        "removed" => Key::StateRemoved,
        "halted" => Key::StateHalted,
        "degraded" => Key::StateDegraded,
        other => return other.into(),
    };
    lang.text(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_both_languages() {
        let node = NodeReport {
            name: "node0".into(),
            instance: "i-0add2e7ea4fae3fb7".into(),
            state: "running".into(),
            ip: "10.64.0.5".into(),
            peer: "c07f07deb9562c9c45cef653a5557daebaa9da8a".into(),
            volumes: vec![],
            height: 15,
            signing: true,
            service: Default::default(),
        };
        for lang in [Lang::En, Lang::Zh] {
            let table = nodes(lang, std::slice::from_ref(&node));
            let place = |line: &str, word: &str| line.find(word).map(|at| line[..at].width());
            let lines: Vec<&str> = table.lines().collect();
            assert_eq!(place(lines[0], lang.text(Key::SigningColumn)), place(lines[1], lang.text(Key::Yes)), "{table}");
            assert_eq!(place(lines[0], lang.text(Key::AddressColumn)), place(lines[1], "10.64.0.5"), "{table}");
        }
    }
}
