//! Small things that several services share: ARNs, times, addresses, pages.

use crate::cloud::ApiError;
use crate::world::{Plain, Tags, World};
use serde_json::Value;

/// Partition of a region.
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") { "aws-cn" } else { "aws" }
}

/// Domain of a region's services.
pub fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// Principal name of a service.
pub(crate) fn service_host(service: &str, region: &str) -> String {
    format!("{service}.{}", suffix(region))
}

/// An ARN.
pub(crate) fn arn(service: &str, region: &str, account: &str, resource: &str) -> String {
    format!("arn:{}:{service}:{region}:{account}:{resource}", partition(region))
}

/// Account that an ARN names.
pub(crate) fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// Region that an ARN names.
pub(crate) fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

/// A KMS key's ARN.
pub(crate) fn kms_arn(key: &Plain) -> String {
    arn("kms", &key.region, &key.account, &format!("key/{}", key.id))
}

/// `[{Key, Value}]` as tags.
pub(crate) fn tags_of(value: &Value) -> Tags {
    let pair = |t: &Value| Some((t["Key"].as_str()?.to_string(), t["Value"].as_str()?.to_string()));
    value.as_array().into_iter().flatten().filter_map(pair).collect()
}

/// RFC 3339 in UTC with milliseconds, from ms since 1970.
pub fn time(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    // Civil date from days, after Howard Hinnant's public derivation.
    let z = days as i64 + 719_468;
    let era = z / 146_097;
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (h, m, s, f) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{f:03}Z")
}

/// An IPv4 address as a number.
pub(crate) fn ip_number(text: &str) -> u32 {
    text.split('.').fold(0, |n, part| (n << 8) | part.parse::<u32>().unwrap_or(0) & 255)
}

/// A number as an IPv4 address.
pub(crate) fn ip_text(n: u32) -> String {
    format!("{}.{}.{}.{}", n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255)
}

/// A range of addresses: the first one as a number, and the length of the prefix.
pub(crate) type Range = (u32, u32);

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits).unwrap_or(0)
}

/// `a.b.c.d/n` in its canonical form; `None` if it is not one.
pub(crate) fn range(cidr: &str) -> Option<Range> {
    let (base, bits) = cidr.split_once('/')?;
    let bits: u32 = bits.parse().ok().filter(|b| *b <= 32)?;
    let base: std::net::Ipv4Addr = base.parse().ok()?;
    Some((u32::from(base) & mask(bits), bits))
}

/// A range as text.
pub(crate) fn range_text((base, bits): Range) -> String {
    format!("{}/{bits}", ip_text(base))
}

/// Whether an address lies in a range.
pub(crate) fn holds((base, bits): Range, ip: u32) -> bool {
    ip & mask(bits) == base
}

/// Whether two ranges share an address.
pub(crate) fn overlap(a: Range, b: Range) -> bool {
    holds(a, b.0) || holds(b, a.0)
}

/// Seconds of RFC 3339, as EventBridge writes them.
pub(crate) fn time_in_seconds(ms: u64) -> String {
    format!("{}Z", &time(ms)[..19])
}

/// The next free address of a subnet; AWS keeps the first four.
pub(crate) fn next_ip(world: &World, subnet: &Plain) -> String {
    let base = ip_number(subnet.properties["CidrBlock"].as_str().unwrap_or_default().split('/').next().unwrap_or_default());
    let taken = |ip: &str| world.instances.values().any(|i| i.subnet == subnet.id && i.ip == ip);
    (4..).map(|n| ip_text(base + n)).find(|ip| !taken(ip)).unwrap_or_default()
}

/// One page of a list, by MaxResults and NextToken.
pub(crate) fn page<'a, T>(items: &'a [T], params: &Value, most: usize) -> Result<(&'a [T], Value), ApiError> {
    let number = |name: &str| params.get(name).and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
    let size = number("MaxResults").map(|n| n as usize).unwrap_or(most).clamp(1, most);
    let start = match params.get("NextToken") {
        None | Some(Value::Null) => 0,
        Some(_) => number("NextToken").ok_or_else(|| ApiError::new("InvalidNextToken", 400, "the token is not ours"))? as usize,
    };
    let end = (start + size).min(items.len());
    let next = if end < items.len() { Value::String(end.to_string()) } else { Value::Null };
    Ok((items.get(start..end).unwrap_or_default(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ranges() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(1_795_305_600_123), "2026-11-22T00:00:00.123Z");
        assert_eq!(time(1_709_164_800_000), "2024-02-29T00:00:00.000Z");
        let inside = |ip: &str, cidr: &str| range(cidr).is_some_and(|r| holds(r, ip_number(ip)));
        assert!(inside("10.64.3.9", "10.64.0.0/20") && !inside("10.64.16.1", "10.64.0.0/20") && inside("1.2.3.4", "0.0.0.0/0"));
        assert_eq!(range("10.64.3.9/20").map(range_text).as_deref(), Some("10.64.0.0/20"));
        let all = [range("10.64.0.0"), range("10.64.0/20"), range("10.64.0.0/33"), range("300.0.0.0/8")];
        assert_eq!(all, [None; 4]);
        let meet = |a: &str, b: &str| range(a).zip(range(b)).is_some_and(|(a, b)| overlap(a, b));
        assert!(meet("10.64.0.0/16", "10.64.9.0/24") && !meet("10.64.0.0/20", "10.64.16.0/20") && meet("0.0.0.0/0", "1.2.3.4/32"));
        assert_eq!(ip_text(ip_number("10.64.0.255") + 1), "10.64.1.0");
    }

    #[test]
    fn pages_end() {
        let all = [1, 2, 3];
        let (one, next) = page(&all, &serde_json::json!({"MaxResults": 2}), 50).expect("page");
        assert_eq!((one, &next), (&all[..2], &serde_json::json!("2")));
        let (two, next) = page(&all, &serde_json::json!({"MaxResults": 2, "NextToken": "2"}), 50).expect("page");
        assert_eq!((two, next), (&all[2..], Value::Null));
        assert!(page(&all, &serde_json::json!({"NextToken": "x"}), 50).is_err());
    }
}
