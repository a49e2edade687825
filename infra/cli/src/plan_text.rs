//! The plan and its price, in words, before anything is made.

use domain::plan::Plan;
use domain::price;
use std::fmt::Write;

/// Ports of a validator's group, and who may reach them.
const PORTS: &str = "26656 among the nodes; 26657, 26660, 1317, 9090, 8545-8546 and 22 closed";

/// What `launch` prints first. Orchestration's price is an upper bound from the goals that the benchmark measures against.
pub fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Network {} (chain id {}), {} validators in {}", plan.network, plan.chain_id, plan.nodes.len(), plan.members[0].region);
    let _ = writeln!(out, "  image    {}", plan.image);
    let _ = writeln!(
        out,
        "  disks    {} GB system + {} GB data + 1 GB identity each, {} also 1 GB authority",
        plan.disks.system_gb, plan.disks.data_gb, plan.authority
    );
    let _ = writeln!(out, "  ports    {PORTS}");
    for batch in &plan.batches {
        let first = &batch.candidates[0];
        let others: Vec<String> = batch.candidates.iter().skip(1).map(|c| format!("{} in {}", c.instance_type, c.zone)).collect();
        let _ = writeln!(out, "  {:<8} {} in {} (else {})", batch.nodes.join(","), first.instance_type, first.zone, others.join(", "));
    }
    let monthly = price::monthly(plan);
    let _ = writeln!(out, "  a month  ${:.2} (us-east-1 on demand, prices of {})", monthly.total, price::AS_OF);
    for (what, dollars) in &monthly.lines {
        let _ = writeln!(out, "           {dollars:>9.2}  {what}");
    }
    let nodes = plan.nodes.len() as u64;
    // A launch's own counts are printed after it; these bounds hold for any number of nodes.
    let bound = price::orchestration(150 + nodes * 6, 100 + nodes * 2, 60.0 + nodes as f64);
    let _ = writeln!(out, "  launch   at most ${bound:.4} for Step Functions and Lambda");
    out
}
