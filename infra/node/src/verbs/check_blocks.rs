//! `check-blocks`: who signed the last blocks, as this node saw it. Height is health; nothing else is.

use super::{Job, prepare::cons_address};
use crate::host::Host;
use crate::{answers, certificate};
use domain::{Class, Fault, genesis};
use serde_json::{Value, json};

/// Votes of consecutive blocks below the tip, until every genesis validator signed `blocks` in a row or the deadline passed.
/// Answers `{from, to, hash, validators, votes}`: a bitmap per validator, in the order of
/// the genesis (which is the plan's, as `check-genesis` has seen), over the last `blocks` heights.
pub(crate) async fn run<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let host = job.host;
    let (blocks, deadline): (u64, u64) = (job.param("blocks")?, job.param("deadline_s")?);
    let file: Value = serde_json::from_str(&job.text(&job.at.config("genesis.json"))?).map_err(|e| Fault::internal(format!("genesis: {e}")))?;
    let mut validators: Vec<String> = vec![];
    for gentx in file.pointer("/app_state/genutil/gen_txs").and_then(Value::as_array).into_iter().flatten() {
        let v = genesis::read_gentx(gentx)?;
        validators.push(cons_address(&certificate::public_key_of_certificate(&v.certificate)?)?);
    }
    let until = host.now() + deadline;
    // The last votes, oldest first: one row per height, one flag per validator.
    let mut rows: Vec<Vec<bool>> = vec![];
    let (mut next, mut hash) = (1, String::new());
    loop {
        let tip = match host.rpc("/status").await? {
            Some(body) => answers::status(&body)?.height,
            // A node that misses one answer may give the next; the deadline decides.
            None if host.now() < until => 0,
            None => return Err(Fault::new(Class::Transient, format!("irita does not answer; its last lines: {}", answers::last_words(&host.log(200).await?)))),
        };
        // The commit of the tip itself is not canonical yet.
        while next < tip && !all_signed(&rows, blocks) {
            let Some(body) = host.rpc(&format!("/commit?height={next}")).await? else { break };
            let Some(commit) = answers::commit(&body)? else { break };
            rows.push(validators.iter().map(|a| commit.signed.contains(a)).collect());
            hash = commit.hash;
            next += 1;
        }
        // Looked at after each height, so that every witness ends at the same block.
        if all_signed(&rows, blocks) || host.now() >= until {
            let last = last(&rows, blocks);
            let bitmap = |i: usize| last.iter().map(|row| if row[i] { '1' } else { '0' }).collect::<String>();
            let votes: Vec<String> = (0..validators.len()).map(bitmap).collect();
            return Ok(json!({"from": next.saturating_sub(last.len() as u64), "to": next - 1, "hash": hash, "validators": validators.len(), "votes": votes}));
        }
        host.sleep(1).await;
    }
}

/// The last `blocks` rows, or as many as there are.
fn last(rows: &[Vec<bool>], blocks: u64) -> &[Vec<bool>] {
    &rows[rows.len().saturating_sub(blocks as usize)..]
}

fn all_signed(rows: &[Vec<bool>], blocks: u64) -> bool {
    let last = last(rows, blocks);
    last.len() as u64 == blocks && last.iter().all(|row| row.iter().all(|signed| *signed))
}
