//! The plan and its price, in words, before anything is made.

use crate::lang::{Key, Lang};
use domain::plan::Plan;
use domain::price::{self, INTERFACE_ENDPOINT_GB, Kind, Line};
use serde_json::{Value, json};

/// What `launch` prints first.
pub fn plan(lang: Lang, plan: &Plan) -> String {
    let mut regions: Vec<String> = plan.members.iter().map(|m| m.region.clone()).collect();
    regions.dedup();
    let mut lines = vec![
        lang.say(Key::PlanHead, &[&plan.network, &plan.chain_id, &plan.nodes.len(), &lang.list(&regions)]),
        lang.say(Key::PlanImage, &[&plan.image]),
        lang.say(Key::PlanDisks, &[&plan.disks.system_gb, &plan.disks.data_gb, &plan.authority]),
        lang.text(Key::PlanPorts).into(),
    ];
    for batch in &plan.batches {
        let mut ways = batch.candidates.iter().map(|c| lang.say(Key::PlanBatch, &[&c.instance_type, &c.zone]));
        let first = ways.next().unwrap_or_default();
        let others = lang.list(&ways.collect::<Vec<_>>());
        let others = if others.is_empty() { others } else { lang.say(Key::PlanElse, &[&others]) };
        lines.push(format!("  {:<8} {first}{others}", batch.nodes.join(",")));
    }
    lines.extend(price(lang, plan, &regions));
    lines.push(String::new());
    lines.join("\n")
}

/// A launch's own price, for `--json`.
pub fn launch(plan: &Plan) -> Value {
    json!({"dollars_at_most": price::orchestration_at_most(plan), "prices": [price::TRANSITION, price::LAMBDA_REQUEST, price::LAMBDA_GB_SECOND]})
}

fn price(lang: Lang, plan: &Plan, regions: &[String]) -> Vec<String> {
    let monthly = price::monthly(plan);
    let mut lines = vec![lang.say(Key::PlanMonth, &[&dollars(monthly.total), &monthly.prices_of, &price::AS_OF])];
    let elsewhere: Vec<String> = regions.iter().filter(|r| *r != monthly.prices_of).cloned().collect();
    if !elsewhere.is_empty() {
        lines.push(lang.say(Key::PlanRegions, &[&monthly.prices_of, &lang.list(&elsewhere)]));
    }
    for member in &plan.members {
        if plan.members.len() > 1 {
            lines.push(lang.say(Key::PlanMember, &[&format!("{:>9}", dollars(monthly.of_member(&member.name))), &member.name, &member.region]));
        }
        for line in monthly.lines.iter().filter(|l| l.member == member.name && !l.kind.is_estimate()) {
            lines.push(format!("           {:>9}  {}", dollars(line.dollars), words(lang, line, plan)));
        }
    }
    let traffic = &monthly.assumption;
    let (day, block) = (format!("{:.1}", traffic.pair_gb_day), format!("{:.0}", traffic.block_bytes / 1000.0));
    lines.push(lang.say(Key::PlanTraffic, &[&dollars(monthly.traffic), &day, &block, &traffic.block_seconds]));
    for line in monthly.lines.iter().filter(|l| l.kind.is_estimate() && l.count > 0.0) {
        let whose = if plan.members.len() > 1 { lang.say(Key::PlanWhose, &[&line.member]) } else { String::new() };
        lines.push(format!("           {:>9}  {whose}{}", dollars(line.dollars), words(lang, line, plan)));
    }
    // What it really used is printed after it.
    lines.push(lang.say(Key::PlanLaunch, &[&format!("{:.4}", price::orchestration_at_most(plan))]));
    lines.push(lang.text(Key::PlanSources).into());
    lines
}

fn dollars(amount: f64) -> String {
    format!("{amount:.2}")
}

fn words(lang: Lang, line: &Line, plan: &Plan) -> String {
    let (each, count) = (line.price.dollars, line.count);
    match line.kind {
        Kind::Instances => lang.say(Key::LineInstances, &[&count, &plan.instance_types.first().map(String::as_str).unwrap_or_default()]),
        Kind::Storage => lang.say(Key::LineStorage, &[&count]),
        Kind::PublicAddresses => lang.say(Key::LineAddresses, &[&count]),
        Kind::KmsKeys => lang.say(Key::LineKeys, &[&count]),
        Kind::InterfaceEndpoints => lang.say(Key::LineEndpoints, &[&dollars(each * price::HOURS_PER_MONTH), &INTERFACE_ENDPOINT_GB.dollars]),
        Kind::NatGateways => lang.text(Key::LineNat).into(),
        Kind::CrossZone => lang.say(Key::LineZones, &[&format!("{count:.0}"), &each]),
        Kind::CrossRegion => lang.say(Key::LineRegions, &[&format!("{count:.0}"), &each]),
    }
}
