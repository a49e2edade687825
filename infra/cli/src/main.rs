//! `consortium`: launches, watches and removes IRITA networks; here on the local cloud.

mod commands;

use clap::{Parser, Subcommand};
use domain::{Class, Fault};
use std::path::PathBuf;
use std::process::ExitCode;

/// Launch, watch and remove an IRITA consortium network. 启动、查看、移除 IRITA 联盟链网络。
///
/// Without an AWS account everything runs on the local cloud: the shipped state machines, functions and templates in this
/// process and in virtual time. Its world lies in .consortium/.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  consortium launch events/console/launch-testnet.json\n  consortium status testnet\n  consortium remove testnet\n  consortium rehearse events/console/launch-testnet.json --seed 7 --json\n\nExit codes: 0 as asked · 1 failed and undone · 2 bad request, nothing was called · 3 something is left"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Folder that holds the local world
    #[arg(long, global = true, default_value = ".consortium")]
    home: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Launch the network that a request file asks for
    #[command(
        after_help = "Examples:\n  consortium launch events/console/launch-testnet.json --plan\n  consortium launch events/console/launch-testnet.json --fault node2:vote=mute\n\nThe smallest request:\n  {\"network\":\"testnet\",\"chain_id\":\"testnet\",\"size\":\"test\",\"validators\":4}"
    )]
    Launch {
        /// Request (JSON)
        file: PathBuf,
        /// Stop after the plan and its price
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        options: Options,
    },
    /// Show a network: nodes, heights, votes, leftovers
    #[command(after_help = "Example:\n  consortium status testnet --json")]
    Status {
        /// Network
        network: String,
        /// One JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Remove a network and everything that carries its tags
    #[command(after_help = "Example:\n  consortium remove testnet --keep-data")]
    Remove {
        /// Network
        network: String,
        /// Keep the data volumes
        #[arg(long)]
        keep_data: bool,
        #[command(flatten)]
        options: Options,
    },
    /// Launch, check, remove and prove that nothing is left, in a scratch world
    #[command(after_help = "Example:\n  consortium rehearse events/console/launch-testnet.json --seed 7 --json")]
    Rehearse {
        /// Request (JSON)
        file: PathBuf,
        /// The same seed gives the same run
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[command(flatten)]
        options: Options,
    },
}

/// What every workflow takes.
#[derive(clap::Args)]
struct Options {
    /// One JSON object and nothing else on stdout
    #[arg(long)]
    json: bool,
    /// A fault on purpose: <Action>#<nth>=<Code>|lost|twice|died or <node>:ssm=never|vote=mute|pull=fail (repeatable)
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Time stands still unless every task waits; then it jumps to the next timer.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => return refuse(&Fault::internal(e.to_string()), false),
    };
    let (json, done) = match &cli.command {
        Command::Launch { file, plan, options } => (options.json, runtime.block_on(commands::launch::run(&cli.home, file, *plan, options))),
        Command::Status { network, json } => (*json, runtime.block_on(commands::status::run(&cli.home, network, *json))),
        Command::Remove { network, keep_data, options } => (options.json, runtime.block_on(commands::remove::run(&cli.home, network, *keep_data, options))),
        Command::Rehearse { file, seed, options } => (options.json, runtime.block_on(commands::rehearse::run(file, *seed, options))),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(fault) => refuse(&fault, json),
    }
}

/// Says why not. A bad request is 2, everything else 1.
fn refuse(fault: &Fault, json: bool) -> ExitCode {
    if json {
        println!("{}", serde_json::json!({"status": "refused", "error": {"name": fault.class.error_name(), "message": fault.message}}));
    }
    eprintln!("{}: {fault}", fault.class.error_name());
    ExitCode::from(if fault.class == Class::InvalidInput { 2 } else { 1 })
}
