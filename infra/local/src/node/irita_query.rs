//! Queries of the simulated irita: what it prints about a chain, by the node that `--node` names.

use super::SimHost;
use super::irita::{error, flag, ok};
use crate::world::{Chain, World};
use crate::{chain, chain_state};
use domain::Fault;
use nodectl::Output;
use serde_json::{Value, json};

/// The chain of the node that a command asks, or irita's words when nobody listens there.
pub(super) fn asked<'a>(host: &SimHost, world: &'a mut World, args: &[&str]) -> Result<&'a mut Chain, String> {
    let now = host.cloud.now_ms();
    chain::advance(world, now);
    let address = flag(args, "--node").unwrap_or("tcp://localhost:26657").trim_start_matches("tcp://");
    let ip = address.split(':').next().unwrap_or_default();
    let own = ["localhost", "127.0.0.1"].contains(&ip);
    let instance = world.instances.values().find(|i| if own { i.id == host.instance } else { i.ip == ip && i.ending_ms == 0 }).map(|i| i.id.clone());
    let listens = |id: String| world.processes.get(&id).filter(|p| chain::listens(world, p, now)).map(|p| p.genesis_sha256.clone());
    let refused = || format!("post failed: Post \"http://{address}\": dial tcp {address}: connect: connection refused");
    let genesis = instance.and_then(listens).ok_or_else(refused)?;
    world.chains.get_mut(&genesis).ok_or_else(refused)
}

/// `query …`.
pub(super) fn run(host: &SimHost, args: &[&str]) -> Result<Output, Fault> {
    let mut world = host.cloud.world();
    let usage = match args {
        ["perm", ..] => "query perm roles [account] [flags]",
        ["auth", ..] => "query auth account [address] [flags]",
        _ => "query node validators [flags]",
    };
    let answer = asked(host, &mut world, args).and_then(|chain| match args {
        // Before its first block the store that is asked is empty (irita.md 3, filter_peers): nobody has a role, nobody an account.
        ["perm", ..] if chain.blocks.is_empty() => Ok(json!({"roles": []})),
        ["auth", _, address, ..] if chain.blocks.is_empty() => Err(unknown(address)),
        ["perm", _, account, ..] => Ok(json!({"roles": chain.roles.get(*account).cloned().unwrap_or_default()})),
        ["auth", _, address, ..] => match chain.accounts.get(*address) {
            Some((number, sequence)) => Ok(json!({"@type": "/cosmos.auth.v1beta1.BaseAccount", "address": address, "pub_key": null,
                "account_number": number.to_string(), "sequence": sequence.to_string()})),
            None => Err(unknown(address)),
        },
        _ => Ok(validators(chain)),
    });
    Ok(answer.map(|a| ok(format!("{a}\n"), "")).unwrap_or_else(|why| error(why, usage)))
}

/// Twice, as the real one: once by the node, once by the command.
fn unknown(address: &str) -> String {
    format!("rpc error: code = NotFound desc = rpc error: code = NotFound desc = account {address} not found: key not found")
}

fn validators(chain: &Chain) -> Value {
    let one = |(address, (name, power)): (&String, &(String, u64))| {
        let jailed = chain.jailed.get(address);
        let power = jailed.map_or(*power, |(before, _)| *before);
        json!({"id": chain_state::validator_id(address), "name": name, "power": power.to_string(), "jailed": jailed.is_some()})
    };
    json!({"validators": chain.validators.iter().map(one).collect::<Vec<_>>(), "pagination": {"next_key": null, "total": "0"}})
}
