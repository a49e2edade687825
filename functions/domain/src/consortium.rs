//! Who takes part: members in a request, the hub's record of each, and the address ranges that must never overlap.

use crate::fault::{Class, Fault};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The founder's name as a member.
pub const FOUNDER: &str = "founder";
/// Ranges of members come from here, a /20 each: 10.64.0.0 to 10.127.255.255.
pub const POOL: &str = "10.64.0.0/10";
/// Prefix length of a member's range: 4,096 addresses.
pub const MEMBER_PREFIX: u8 = 20;
/// Every default VPC has this range, so nobody else could be peered with one.
const DEFAULT_VPC: &str = "172.31.0.0/16";
/// Most VPC peerings of one VPC, after the quota was raised (aws.md 4; 50 by default).
pub const PEERINGS_MAX: usize = 125;

/// A member as a request names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestMember {
    /// Short name: a-z, 0-9 and -, 2 to 31; the first one is `founder`.
    pub name: String,
    /// AWS account, 12 digits; empty only for a founder who is alone.
    #[serde(default)]
    pub account: String,
    /// Region of its nodes.
    pub region: String,
    /// How many validators it has.
    pub validators: u32,
    /// Its address range, if the request wants to say it; the stack's own must be the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cidr: String,
}

/// An example of a members field, shown with refusals.
const EXAMPLE: &str = r#"[{"name":"founder","account":"111122223333","region":"us-east-1","validators":4},{"name":"bank","account":"444455556666","region":"eu-west-1","validators":2}]"#;

/// Partition of a region: accounts of different ones cannot reach each other.
pub fn partition(region: &str) -> &'static str {
    match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Whether a text is a region's name, as far as its form tells.
pub fn is_region(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() >= 9 && text.len() <= 25 && text.chars().all(plain) && text.split('-').count() >= 3
}

/// Whether a text is a member's name.
pub fn is_member_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (2..=31).contains(&text.len()) && text.chars().all(plain) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Whether a text is an AWS account id.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| c.is_ascii_digit())
}

/// Reads an address range that a member may have: IPv4, private, a /16 to a /24, not the default VPCs' own.
pub fn range(field: &str, text: &str) -> Result<Ipv4Net, Fault> {
    let bad = |why: String| Fault::field(field, why, "\"10.64.16.0/20\"");
    let net: Ipv4Net = text.parse().map_err(|_| bad(format!("`{text}` is not an IPv4 range")))?;
    if net.trunc() != net {
        return Err(bad(format!("`{text}` does not begin at its own first address, {}", net.trunc())));
    }
    if net.prefix_len() == 0 {
        return Err(bad(format!("`{text}` is the whole world")));
    }
    if !(16..=24).contains(&net.prefix_len()) {
        return Err(bad(format!("`{text}` is not a /16 to a /24")));
    }
    let loopback = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8);
    if !net.addr().is_private() && !loopback.contains(&net) {
        return Err(bad(format!("`{text}` is not a private range")));
    }
    if overlap(&net, &of(DEFAULT_VPC)) {
        return Err(bad(format!("`{text}` overlaps {DEFAULT_VPC}, which every default VPC has")));
    }
    Ok(net)
}

/// Reads a range that is let in to a port of validators. `InvalidInput` for one that is open to the world.
pub fn source_range(field: &str, text: &str) -> Result<Ipv4Net, Fault> {
    let bad = |why: String| Fault::field(field, why, "\"10.64.0.0/20\"");
    let net: Ipv4Net = text.parse().map_err(|_| bad(format!("`{text}` is not an IPv4 range")))?;
    if net.prefix_len() < 8 {
        return Err(bad(format!("`{text}` would open a validator's port to the world")));
    }
    Ok(net)
}

/// Whether a range that a member may have lies within a pool.
pub fn contains(pool: &str, field: &str, text: &str) -> Result<bool, Fault> {
    Ok(of(pool).contains(&range(field, text)?))
}

/// Whether a range lies within another.
pub fn within(outer: &str, text: &str) -> bool {
    match (outer.trim().parse::<Ipv4Net>(), text.parse::<Ipv4Net>()) {
        (Ok(outer), Ok(inner)) => outer.contains(&inner),
        _ => false,
    }
}

fn of(text: &str) -> Ipv4Net {
    text.parse().unwrap_or_default()
}

fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(b) || b.contains(a)
}

/// `InvalidInput` if two of the named ranges overlap: such VPCs cannot be peered.
pub fn check_apart(ranges: &[(String, String)]) -> Result<(), Fault> {
    for (i, (name, text)) in ranges.iter().enumerate() {
        let net = range(name, text)?;
        if let Some((other, taken)) = ranges[..i].iter().find(|(_, t)| overlap(&net, &of(t))) {
            return Err(Fault::field(name, format!("{text} overlaps {taken} of {other}: such networks cannot be peered"), "\"10.64.16.0/20\""));
        }
    }
    Ok(())
}

/// The first free range of the pool. `Quota` when the pool is used up.
pub fn free_range(taken: &[String]) -> Result<String, Fault> {
    let taken: Vec<Ipv4Net> = taken.iter().map(|t| of(t)).collect();
    let mut subnets = of(POOL).subnets(MEMBER_PREFIX).map_err(|e| Fault::internal(e.to_string()))?;
    let free = subnets.find(|s| !taken.iter().any(|t| overlap(s, t)));
    free.map(|s| s.to_string()).ok_or_else(|| Fault::new(Class::Quota, format!("every /{MEMBER_PREFIX} of {POOL} is taken")))
}

/// Checks the members of a request against each other; `alone` = the request named none.
pub fn check_members(members: &[RequestMember], alone: bool) -> Result<(), Fault> {
    let (mut names, mut accounts) = (BTreeSet::new(), BTreeSet::new());
    for (i, m) in members.iter().enumerate() {
        let field = |f: &str| format!("members[{i}].{f}");
        if !is_member_name(&m.name) {
            return Err(Fault::field(&field("name"), "2 to 31 of a-z, 0-9 and -, starting with a letter", "\"bank\""));
        }
        if i == 0 && m.name != FOUNDER {
            return Err(Fault::field(&field("name"), format!("the first member is `{FOUNDER}`, whose account holds the hub"), EXAMPLE));
        }
        if !names.insert(&m.name) {
            return Err(Fault::field(&field("name"), format!("`{}` is named twice", m.name), EXAMPLE));
        }
        if !(is_account(&m.account) || alone && m.account.is_empty()) {
            return Err(Fault::field(&field("account"), format!("`{}` is not an account of 12 digits", m.account), "\"444455556666\""));
        }
        if !accounts.insert(&m.account) {
            return Err(Fault::field(&field("account"), format!("{} is there twice; one company is one account", m.account), EXAMPLE));
        }
        if !is_region(&m.region) {
            return Err(Fault::field(&field("region"), format!("`{}` is not a region's name", m.region), "\"eu-west-1\""));
        }
        if partition(&m.region) != partition(&members[0].region) {
            let why = format!("{} is in the partition {}, the founder in {}", m.region, partition(&m.region), partition(&members[0].region));
            return Err(Fault::field(&field("region"), why, format!("\"{}\"", members[0].region)));
        }
        if m.validators == 0 {
            return Err(Fault::field(&field("validators"), "a member of the genesis has one validator or more", "2"));
        }
        if !m.cidr.is_empty() {
            range(&field("cidr"), &m.cidr)?;
        }
    }
    if members.len() > PEERINGS_MAX + 1 {
        let why =
            format!("{} members need {} peerings each, and a VPC has {PEERINGS_MAX} at most: that takes a Transit Gateway", members.len(), members.len() - 1);
        return Err(Fault::field("members", why, EXAMPLE));
    }
    let given = members.iter().enumerate().filter(|(_, m)| !m.cidr.is_empty()).map(|(i, m)| (format!("members[{i}].cidr"), m.cidr.clone()));
    check_apart(&given.collect::<Vec<_>>())
}

/// What the hub knows of a member that it invited: one object of its bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRecord {
    /// Name.
    pub name: String,
    /// Account that was invited; nobody else's announcement counts.
    pub account: String,
    /// Region of its stack.
    pub region: String,
    /// Address range of its stack.
    pub cidr: String,
    /// Relation id: unique for each invitation, and the word by which the member knows an order of this hub.
    pub relation: String,
    /// Until when it may be accepted, seconds since 1970.
    pub expires_s: u64,
    /// `invited`, `joined` or `revoked`.
    pub state: String,
    /// Why the last announcement was refused; empty if none was.
    #[serde(default)]
    pub refused: String,
}

impl MemberRecord {
    /// ARN prefix of its functions. The hub computes it: nothing that a member announces is believed.
    pub fn functions(&self, prefix: &str) -> String {
        format!("arn:{}:lambda:{}:{}:function:{prefix}-member-", partition(&self.region), self.region, self.account)
    }

    /// Decides on an announcement: `account` and `region` are EventBridge's own words about its sender.
    pub fn accept(&self, account: &str, region: &str, relation: &str, now_s: u64) -> Result<(), Fault> {
        let denied = |why: String| Err(Fault::new(Class::Denied, format!("invitation of {}: {why}", self.name)));
        if self.account != account {
            return denied(format!("it is for account {}, the stack was made in {account}; open the link there", self.account));
        }
        if self.relation != relation {
            return denied("another invitation has taken its place; ask the founder for the new link".into());
        }
        if self.region != region {
            return denied(format!("it is for {}, the stack was made in {region}; delete that stack and open the link unchanged", self.region));
        }
        match self.state.as_str() {
            // The same announcement again: a stack tells of itself whenever it changes.
            "joined" => Ok(()),
            "invited" if now_s <= self.expires_s => Ok(()),
            "invited" => denied("it has expired; ask the founder for a new one, then update the stack's RelationId".into()),
            other => denied(format!("it is {other}; ask the founder for a new one")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, account: &str, region: &str) -> RequestMember {
        RequestMember { name: name.into(), account: account.into(), region: region.into(), validators: 1, cidr: String::new() }
    }

    #[test]
    fn members_that_cannot_be_together_are_refused_by_field() {
        let good = [member("founder", "111122223333", "us-east-1"), member("bank", "444455556666", "eu-west-1")];
        check_members(&good, false).expect("good");
        let refused = |change: &dyn Fn(&mut Vec<RequestMember>), field: &str| {
            let mut members = good.to_vec();
            change(&mut members);
            let fault = check_members(&members, false).expect_err(field);
            assert!(fault.class == Class::InvalidInput && fault.message.starts_with(&format!("`{field}`")), "{fault}");
        };
        refused(&|m| m[1].name = "founder".into(), "members[1].name");
        refused(&|m| m[0].name = "bank".into(), "members[0].name");
        refused(&|m| m[1].name = "Bank".into(), "members[1].name");
        refused(&|m| m[1].account = "111122223333".into(), "members[1].account");
        refused(&|m| m[1].account = String::new(), "members[1].account");
        refused(&|m| m[1].region = "cn-north-1".into(), "members[1].region");
        refused(&|m| m[1].region = "europe".into(), "members[1].region");
        refused(&|m| m[1].validators = 0, "members[1].validators");
        refused(&|m| m[1].cidr = "172.31.0.0/20".into(), "members[1].cidr");
        refused(&|m| m[1].cidr = "0.0.0.0/0".into(), "members[1].cidr");
        refused(&|m| m[1].cidr = "8.8.0.0/16".into(), "members[1].cidr");
        refused(&|m| m[1].cidr = "10.64.1.0/20".into(), "members[1].cidr");
        refused(
            &|m| {
                m[0].cidr = "10.64.0.0/16".into();
                m[1].cidr = "10.64.16.0/20".into();
            },
            "members[1].cidr",
        );
    }

    #[test]
    fn ranges_come_from_the_pool_and_never_overlap() {
        let mut taken = vec!["10.64.0.0/20".to_string(), "10.64.32.0/19".to_string()];
        for want in ["10.64.16.0/20", "10.64.64.0/20"] {
            let free = free_range(&taken).expect("free");
            assert_eq!(free, want);
            taken.push(free);
        }
        assert_eq!(free_range(&[POOL.to_string()]).expect_err("full").class, Class::Quota);
        assert!(source_range("scrapers[0]", "0.0.0.0/0").is_err() && source_range("scrapers[0]", "10.0.0.0/8").is_ok());
    }

    #[test]
    fn an_invitation_is_for_one_account_one_region_and_a_time() {
        let record = MemberRecord {
            name: "bank".into(),
            account: "444455556666".into(),
            region: "eu-west-1".into(),
            cidr: "10.64.16.0/20".into(),
            relation: "r1".into(),
            expires_s: 100,
            state: "invited".into(),
            refused: String::new(),
        };
        let of = |account: &str, region: &str, relation: &str, now| record.accept(account, region, relation, now).map_err(|f| f.message);
        assert_eq!(of("444455556666", "eu-west-1", "r1", 100), Ok(()));
        for (account, region, relation, now, word) in [
            ("777788889999", "eu-west-1", "r1", 1, "777788889999"),
            ("444455556666", "us-east-1", "r1", 1, "us-east-1"),
            ("444455556666", "eu-west-1", "r0", 1, "new link"),
            ("444455556666", "eu-west-1", "r1", 101, "expired"),
        ] {
            let why = of(account, region, relation, now).expect_err(word);
            assert!(why.contains(word), "{why}");
        }
        let joined = MemberRecord { state: "joined".into(), ..record.clone() };
        assert!(joined.accept("444455556666", "eu-west-1", "r1", 1_000).is_ok());
        assert!(MemberRecord { state: "revoked".into(), ..record.clone() }.accept("444455556666", "eu-west-1", "r1", 1).is_err());
        assert_eq!(record.functions("consortium"), "arn:aws:lambda:eu-west-1:444455556666:function:consortium-member-");
    }
}
