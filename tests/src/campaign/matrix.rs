//! The matrix: every AWS call of every workflow, found by recording it, meets every fault in turn.

use super::grants::Needs;
use super::{Case, End, Verdict, WORKFLOWS, Workflow, over, prepare};
use consortium::artefacts::Artefacts;
use local_cloud::{Site, World, can_lag};
use std::collections::BTreeMap;

/// How a fault ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// It passes: the work must end as asked.
    Passing,
    /// That one call is refused for good: as asked on another way, or as before.
    Final,
    /// Every such call is refused from there on, the undo's too: Orphaned may be the honest end.
    Forever,
}

/// One fault at one call.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Name of the kind.
    pub kind: &'static str,
    /// How long.
    pub lasts: Lasts,
    /// As `--fault` has it.
    pub faults: Vec<String>,
}

/// Error codes of a service: throttled, its own failure, denied.
pub(super) fn codes(service: &str) -> (&'static str, &'static str, &'static str) {
    match service {
        "ec2" => ("RequestLimitExceeded", "InternalError", "UnauthorizedOperation"),
        "s3" => ("SlowDown", "InternalError", "AccessDenied"),
        "lambda" => ("TooManyRequestsException", "ServiceException", "AccessDeniedException"),
        "sns" => ("Throttling", "InternalError", "AuthorizationError"),
        "ssm" => ("ThrottlingException", "InternalServerError", "AccessDeniedException"),
        "servicequotas" => ("TooManyRequestsException", "ServiceException", "AccessDeniedException"),
        _ => ("ThrottlingException", "InternalFailure", "AccessDeniedException"),
    }
}

/// What an action may answer for a reason of its own.
fn own(action: &str) -> &'static [&'static str] {
    match action {
        "RunInstances" => &["InsufficientInstanceCapacity", "VcpuLimitExceeded", "IncorrectState"],
        "CreateVpcPeeringConnection" => &["VpcPeeringConnectionsPerVpcLimitExceeded"],
        "AcceptVpcPeeringConnection" => &["InvalidStateTransition"],
        "AuthorizeSecurityGroupIngress" => &["RulesPerSecurityGroupLimitExceeded"],
        "CreateRoute" => &["RouteLimitExceeded"],
        "DeleteVolume" => &["VolumeInUse"],
        "TerminateInstances" => &["IncorrectInstanceState"],
        "SendCommand" => &["InvalidInstanceId"],
        "PutObject" => &["ConditionalRequestConflict"],
        _ => &[],
    }
}

/// Attempts that the SDK makes of one call: as many in a row must be throttled before a function hears of it.
const ATTEMPTS: u64 = 3;

/// Every fault for one call.
pub fn hits(site: &Site) -> Vec<Hit> {
    let (throttled, failed, denied) = codes(&site.service);
    let at = |nth: u64, how: &str| format!("{}#{nth}={how}", site.action);
    let one = |kind, lasts, how: &str| Hit { kind, lasts, faults: vec![at(site.nth, how)] };
    let mut hits = vec![
        Hit { kind: "throttled", lasts: Lasts::Passing, faults: (0..ATTEMPTS).map(|i| at(site.nth + i, throttled)).collect() },
        Hit { kind: "failed", lasts: Lasts::Passing, faults: (0..ATTEMPTS).map(|i| at(site.nth + i, failed)).collect() },
        one("lost", Lasts::Passing, "lost"),
        one("twice", Lasts::Passing, "twice"),
        one("denied", Lasts::Final, denied),
        Hit { kind: "denied for good", lasts: Lasts::Forever, faults: vec![format!("{}#{}+={denied}", site.action, site.nth)] },
    ];
    if can_lag(&site.service, &site.action) {
        hits.push(one("late", Lasts::Passing, "late"));
    }
    if site.by_function {
        hits.push(one("died", Lasts::Passing, "died"));
    }
    hits.extend(own(&site.action).iter().map(|code| one("own", Lasts::Final, code)));
    hits
}

/// What a campaign tried and found.
#[derive(Default)]
pub struct Report {
    /// Calls by workflow and machine.
    pub calls: BTreeMap<(String, String), usize>,
    /// Cases by kind of fault and end.
    pub ends: BTreeMap<(String, End), usize>,
    /// `workflow: faults: why`.
    pub violations: Vec<String>,
    /// Cases.
    pub tried: usize,
    /// Grants that were needed.
    pub needs: Needs,
    /// The last world that a workflow of several companies began in.
    pub world: Option<World>,
}

/// Which calls a matrix looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// Every call.
    All,
    /// Of each state's calls of one action the first and the last: what repeats is polling.
    Ends,
}

/// Calls to put faults at: those that the workflow's own machines make.
fn chosen(sites: &[Site], width: Width) -> Vec<Site> {
    let ours: Vec<&Site> = sites.iter().filter(|s| s.step.is_some()).collect();
    let group = |s: &Site| (s.step.as_ref().map(|s| (s.machine.clone(), s.state.clone())), s.by_function, s.action.clone());
    let keep = |i: usize| {
        let g = group(ours[i]);
        width == Width::All || !ours[..i].iter().any(|s| group(s) == g) || !ours[i + 1..].iter().any(|s| group(s) == g)
    };
    (0..ours.len()).filter(|i| keep(*i)).map(|i| ours[i].clone()).collect()
}

/// Whether an end is allowed for a fault. In a workflow that is itself the undo, a refusal for good hits the undo.
fn allowed(workflow: &Workflow, lasts: Lasts, end: End) -> bool {
    match lasts {
        Lasts::Final if workflow.is_undo() => end != End::Violated,
        Lasts::Passing => end == End::AsAsked,
        Lasts::Final => matches!(end, End::AsAsked | End::AsBefore),
        Lasts::Forever => end != End::Violated,
    }
}

/// Runs the matrix of one workflow.
fn of(workflow: &'static Workflow, width: Width, artefacts: &Artefacts, report: &mut Report, told: &(dyn Fn(&str) + Sync)) {
    let prepared = prepare(workflow, 1, artefacts);
    let case = |faults: Vec<String>| Case { workflow, prepared: &prepared, artefacts, faults, cut: None };
    let clean = case(vec![]).run();
    if clean.verdict.end != End::AsAsked {
        let line = format!("{}: without any fault: {}", workflow.name, clean.verdict.why);
        told(&line);
        report.violations.push(line);
        return;
    }
    let sites = chosen(&clean.sites, width);
    for site in clean.sites.iter().filter(|s| s.step.is_some()) {
        let step = site.step.as_ref().map(|s| machine(&s.machine)).unwrap_or_default();
        *report.calls.entry((workflow.name.into(), step)).or_default() += 1;
    }
    let hits: Vec<(Site, Hit)> = sites.iter().flat_map(|s| hits(s).into_iter().map(|h| (s.clone(), h))).collect();
    told(&format!("{}: {} calls, {} of them chosen, {} cases", workflow.name, clean.sites.len(), sites.len(), hits.len()));
    let violation = |site: &Site, hit: &Hit, verdict: &Verdict| {
        let step = site.step.as_ref().map(|s| format!("{}/{}", machine(&s.machine), s.state)).unwrap_or_default();
        (!allowed(workflow, hit.lasts, verdict.end))
            .then(|| format!("{} {step}: {} ({}): {:?}: {}", workflow.name, hit.faults.join(" "), hit.kind, verdict.end, verdict.why))
    };
    let verdicts = over(&hits, |(site, hit)| {
        let ran = case(hit.faults.clone()).run();
        let violation = violation(site, hit, &ran.verdict);
        violation.iter().for_each(|v| told(v));
        let mut needs = Needs::default();
        needs.add(ran.uses);
        (ran.verdict.end, violation, needs)
    });
    report.needs.add(clean.uses);
    report.needs.add(prepared.uses.clone());
    if workflow.companies.len() > 1 {
        report.world = Some(prepared.world.clone());
    }
    for ((_, hit), (end, violation, needs)) in hits.iter().zip(verdicts) {
        report.needs.join(needs);
        report.tried += 1;
        *report.ends.entry((hit.kind.into(), end)).or_default() += 1;
        report.violations.extend(violation);
    }
}

/// A machine's name without the stack's prefix.
pub fn machine(name: &str) -> String {
    let last = name.rsplit(':').next().unwrap_or(name);
    last.split_once('-').map(|(_, m)| m.to_string()).unwrap_or_else(|| last.into())
}

/// The whole matrix, or that of the workflows named. The whole one also says which grants nothing in it needed.
pub fn run(width: Width, only: &[String], artefacts: &Artefacts, told: &(dyn Fn(&str) + Sync)) -> Report {
    let mut report = Report::default();
    for workflow in WORKFLOWS.iter().filter(|w| only.is_empty() || only.iter().any(|o| o == w.name)) {
        of(workflow, width, artefacts, &mut report, told);
    }
    if let (Some(world), true) = (&report.world, only.is_empty()) {
        let unneeded: Vec<String> = report.needs.unneeded(world).into_iter().collect();
        unneeded.iter().for_each(|line| told(line));
        report.violations.extend(unneeded);
    }
    report
}
