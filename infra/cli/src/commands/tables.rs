//! What a person reads of a network: the table of its nodes, and who rules its chain.

use crate::lang::{Key, Lang};
use crate::report::{MemberReport, NodeReport, PeeringReport};
use domain::manifest::Manifest;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

/// A text in a column: Chinese characters are two columns wide.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// The companies.
pub fn members(lang: Lang, members: &[MemberReport]) -> String {
    let row = |name: &str, account: &str, region: &str, state: &str| format!("{} {} {} {state}\n", pad(name, 16), pad(account, 13), pad(region, 16));
    let word = |key| lang.text(key);
    let head = row(word(Key::MemberColumn), word(Key::AccountColumn), word(Key::RegionColumn), word(Key::StateColumn));
    head + &members.iter().map(|m| row(&m.name, &m.account, &m.region, &member_state(lang, &m.state))).collect::<String>()
}

/// How many companies are joined, and which two are not.
pub fn peerings(lang: Lang, peerings: &[PeeringReport]) -> String {
    let others: Vec<&PeeringReport> = peerings.iter().filter(|p| p.state != "active").collect();
    let mut lines = vec![lang.say(Key::Peerings, &[&(peerings.len() - others.len()), &peerings.len()])];
    for p in others {
        let state = if p.state == "missing" { lang.text(Key::Missing) } else { &p.state };
        lines.push(lang.say(Key::PeeringOther, &[&p.between[0], &p.between[1], &state, &p.id]).trim_end().into());
    }
    lines.join("\n")
}

/// The nodes. Whose each is stands there only if there are several companies.
pub fn nodes(lang: Lang, nodes: &[NodeReport]) -> String {
    let several = nodes.iter().any(|n| n.member != nodes[0].member);
    let row = |[name, member, instance, address, peer, power, height, rest]: [&str; 8]| {
        let right = |text: &str, width: usize| format!("{}{text}", " ".repeat(width.saturating_sub(text.width())));
        let member = if several { format!("{} ", pad(member, 16)) } else { String::new() };
        let ids = format!("{} {} {}", pad(instance, 20), pad(address, 14), pad(peer, 41));
        format!("{} {member}{ids} {} {}  {rest}\n", pad(name, 8), right(power, 6), right(height, 7))
    };
    let columns =
        [Key::NodeColumn, Key::MemberColumn, Key::InstanceColumn, Key::AddressColumn, Key::PeerColumn, Key::PowerColumn, Key::HeightColumn, Key::SigningColumn];
    let line = |n: &NodeReport| {
        let signing = lang.text(if n.signing { Key::Yes } else { Key::No });
        let state = if n.state == "running" { String::new() } else { format!(" ({})", machine(lang, &n.state)) };
        row([&n.name, &n.member, &n.instance, &n.ip, &n.peer, &n.power.to_string(), &n.height.to_string(), &format!("{signing}{state}")])
    };
    row(columns.map(|key| lang.text(key))) + &nodes.iter().map(line).collect::<String>()
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

/// A state of a machine: EC2's own words in every language, but one.
pub fn machine(lang: Lang, state: &str) -> String {
    if state == "gone" { lang.text(Key::Gone).into() } else { state.into() }
}

/// A state of the service that runs irita.
pub fn service(lang: Lang, state: &str) -> String {
    let key = match state {
        "running" => Key::ServiceRunning,
        "stopped" => Key::ServiceStopped,
        "restarting" => Key::ServiceRestarting,
        "absent" => Key::ServiceAbsent,
        other => return other.into(),
    };
    lang.text(key).into()
}

/// What a company is to the hub.
pub fn member_state(lang: Lang, state: &str) -> String {
    let key = match state {
        "invited" => Key::MemberInvited,
        "joined" => Key::MemberJoined,
        "revoked" => Key::MemberRevoked,
        "expired" => Key::MemberExpired,
        "unknown" => Key::Unknown,
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
            member: "founder".into(),
            power: 100,
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
            let two = [node.clone(), NodeReport { member: "bank".into(), ..node.clone() }];
            let (table, of_two) = (nodes(lang, &two[..1]), nodes(lang, &two));
            assert!(!table.contains("founder") && of_two.contains("node0    founder          i-0add"), "{of_two}");
            let place = |line: &str, word: &str| line.find(word).map(|at| line[..at].width());
            let lines: Vec<&str> = table.lines().collect();
            assert_eq!(place(lines[0], lang.text(Key::SigningColumn)), place(lines[1], lang.text(Key::Yes)), "{table}");
            assert_eq!(place(lines[0], lang.text(Key::AddressColumn)), place(lines[1], "10.64.0.5"), "{table}");
            assert_eq!(
                place(lines[0], lang.text(Key::PowerColumn)).map(|at| at + lang.text(Key::PowerColumn).width()),
                place(lines[1], "100").map(|at| at + 3)
            );
        }
    }
}
