//! The words that a person types.

use clap::{Parser, Subcommand, ValueEnum};
use consortium::lang::Lang;
use consortium::work::Options;
use std::path::PathBuf;

/// Launch, watch and operate an IRITA consortium network. 启动、查看、运维、移除 IRITA 联盟链网络。
///
/// Without an AWS account everything runs on the local cloud: the shipped state machines, functions and templates. Machines are
/// simulated in virtual time, or (--node process) real chain processes on loopback addresses in real time. The world lies in
/// .consortium/.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  consortium launch events/console/launch-testnet.json\n  consortium launch events/console/launch-testnet.json --node process --irita /usr/local/bin/irita\n  consortium status testnet\n  consortium logs testnet node2\n  consortium doctor\n  consortium --lang zh status testnet\n  consortium remove testnet\n  consortium rehearse events/console/launch-testnet.json --seed 7 --json\n\nExit codes: 0 as asked · 1 failed and undone · 2 bad request, nothing was called · 3 something is left"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Folder that holds the local world
    #[arg(long, global = true, default_value = ".consortium")]
    pub home: PathBuf,
    /// Language of what is printed [default: zh if LC_ALL, LC_MESSAGES or LANG says so, else en]
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Lang>,
}

/// What a local machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NodeKind {
    /// A simulation in virtual time
    Simulated,
    /// A process of this computer
    Process,
}

/// Commands.
#[derive(Subcommand)]
pub enum Command {
    /// Launch the network that a request file asks for
    #[command(
        after_help = "Examples:\n  consortium launch events/console/launch-testnet.json --plan\n  consortium launch events/console/launch-testnet.json --node process --irita /usr/local/bin/irita\n  consortium launch events/console/launch-testnet.json --fault node2:vote=mute\n\nThe smallest request:\n  {\"network\":\"testnet\",\"chain_id\":\"testnet\",\"size\":\"test\",\"validators\":4}"
    )]
    Launch {
        /// Request (JSON)
        file: PathBuf,
        /// Stop after the plan and its price
        #[arg(long)]
        plan: bool,
        /// What the machines are; a home keeps the kind that it was begun with [default: simulated]
        #[arg(long, value_enum)]
        node: Option<NodeKind>,
        /// The chain program of process machines: any irita of 3.2 or later
        #[arg(long, value_name = "PATH")]
        irita: Option<PathBuf>,
        /// Options
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
    /// Look from outside at home, stacks, records, machines, ports and votes; say what is wrong and how to mend it
    #[command(after_help = "Examples:\n  consortium doctor\n  consortium doctor testnet --json\n\nExit codes: 0 all ok · 1 something is wrong")]
    Doctor {
        /// Network [default: all]
        network: Option<String>,
        /// One JSON list of {network, check, ok, detail, remedy} and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Remove a network and everything that carries its tags
    #[command(after_help = "Examples:\n  consortium remove testnet\n  consortium remove testnet --keep-data")]
    Remove {
        /// Network
        network: String,
        /// Keep the data volumes
        #[arg(long)]
        keep_data: bool,
        /// Options
        #[command(flatten)]
        options: Options,
    },
    /// Invite a company: its own range, and a link that its person opens in its own account
    #[command(
        after_help = "Examples:\n  consortium invite bank --account 444455556666 --region eu-west-1\n  consortium invite bank --account 444455556666 --region eu-west-1 --days 3 --for events/console/launch-three-members.json"
    )]
    Invite {
        /// Name of the member
        name: String,
        /// Its AWS account
        #[arg(long)]
        account: String,
        /// Region of its nodes
        #[arg(long)]
        region: String,
        /// Its address range [default: the next free one of the pool]
        #[arg(long, default_value = "")]
        cidr: String,
        /// How many days the invitation is open
        #[arg(long, default_value_t = 7)]
        days: u64,
        /// The request that its nodes shall accept, and no other
        #[arg(long = "for", value_name = "FILE")]
        request: Option<PathBuf>,
        /// One JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Open an invitation's link in an account of this computer
    #[command(
        after_help = "Example:\n  consortium join 'https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/quickcreate?…' --account 444455556666"
    )]
    Join {
        /// The link that `invite` printed
        link: String,
        /// Account in whose console it is opened
        #[arg(long)]
        account: String,
        /// One JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Show who was invited and who has joined
    #[command(after_help = "Example:\n  consortium members --json")]
    Members {
        /// One JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Take an invitation or a membership back
    #[command(after_help = "Example:\n  consortium revoke bank")]
    Revoke {
        /// Name of the member
        name: String,
    },
    /// Ask nodes for their health: height, votes, peers, jail, restarts, disk
    #[command(after_help = "Examples:\n  consortium health testnet\n  consortium health testnet node2 --json")]
    Health {
        /// Network
        network: String,
        /// Nodes [default: all]
        nodes: Vec<String>,
        /// One JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Show the last lines of irita's log
    #[command(after_help = "Example:\n  consortium logs testnet node2 --lines 40")]
    Logs {
        /// Network
        network: String,
        /// Nodes [default: all]
        nodes: Vec<String>,
        /// How many lines, as far as an answer holds them
        #[arg(long, default_value_t = 20)]
        lines: usize,
        /// One JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// List names and addresses of the keys on nodes
    #[command(after_help = "Example:\n  consortium keys testnet node0")]
    Keys {
        /// Network
        network: String,
        /// Nodes [default: all]
        nodes: Vec<String>,
        /// One JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Put a key back from its mnemonic, which is read from standard input and goes nowhere else
    #[command(after_help = "Example:\n  read -rs MNEMONIC; printf '%s' \"$MNEMONIC\" | consortium recover testnet node0 treasury")]
    Recover {
        /// Network
        network: String,
        /// Node whose keyring gets it
        node: String,
        /// Name of the key there
        name: String,
    },
    /// Read or change config.toml and app.toml
    #[command(
        subcommand,
        after_help = "Examples:\n  consortium config get testnet --config consensus.timeout_commit\n  consortium config set testnet --config mempool.size=8000"
    )]
    Config(ConfigCommand),
    /// Start irita on nodes
    #[command(after_help = "Example:\n  consortium start testnet node2")]
    Start {
        /// Network
        network: String,
        /// Nodes [default: all]
        nodes: Vec<String>,
        /// Options
        #[command(flatten)]
        options: Options,
    },
    /// Stop irita on nodes, one after another, if the chain can spare them
    #[command(after_help = "Example:\n  consortium stop testnet node2")]
    Stop {
        /// Network
        network: String,
        /// Nodes [default: all]
        nodes: Vec<String>,
        /// Stop a chain of one to three validators whole
        #[arg(long)]
        whole_stop: bool,
        /// Options
        #[command(flatten)]
        options: Options,
    },
    /// Restart irita on nodes, one after another, each back before the next
    #[command(after_help = "Example:\n  consortium restart testnet")]
    Restart {
        /// Network
        network: String,
        /// Nodes [default: all]
        nodes: Vec<String>,
        /// A chain of one to three validators stands still meanwhile
        #[arg(long)]
        whole_stop: bool,
        /// Options
        #[command(flatten)]
        options: Options,
    },
    /// Let a jailed validator sign again, by the root keys
    #[command(after_help = "Example:\n  consortium unjail testnet node2")]
    Unjail {
        /// Network
        network: String,
        /// Validator
        node: String,
        /// Options
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
        /// Options
        #[command(flatten)]
        options: Options,
    },
    /// The background cloud of machines that are processes, and a simulated one for other AWS clients
    #[command(subcommand, after_help = "Examples:\n  consortium cloud up\n  consortium cloud down\n  consortium cloud serve --port 4570")]
    Cloud(CloudCommand),
}

/// `config …`.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Read values by path
    #[command(after_help = "Example:\n  consortium config get testnet node0 --config p2p.pex --app minimum-gas-prices")]
    Get {
        /// Network
        network: String,
        /// Nodes [default: all]
        nodes: Vec<String>,
        /// A path of config.toml (repeatable)
        #[arg(long, value_name = "PATH")]
        config: Vec<String>,
        /// A path of app.toml (repeatable)
        #[arg(long, value_name = "PATH")]
        app: Vec<String>,
        /// One JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Change values by path, one node after another; a node that does not come back gets its old ones again
    #[command(after_help = "Example:\n  consortium config set testnet --config mempool.size=8000 --app pruning=nothing")]
    Set {
        /// Network
        network: String,
        /// Nodes [default: all]
        nodes: Vec<String>,
        /// A value of config.toml (repeatable)
        #[arg(long, value_name = "PATH=VALUE")]
        config: Vec<String>,
        /// A value of app.toml (repeatable)
        #[arg(long, value_name = "PATH=VALUE")]
        app: Vec<String>,
        /// A chain of one to three validators stands still meanwhile
        #[arg(long)]
        whole_stop: bool,
        /// Options
        #[command(flatten)]
        options: Options,
    },
}

/// `cloud …`.
#[derive(Subcommand)]
pub enum CloudCommand {
    /// Start it, and every machine that was on
    #[command(after_help = "Examples:\n  consortium cloud up\n  consortium --home other cloud up --irita /usr/local/bin/irita")]
    Up {
        /// The chain program, for a folder that has none yet or another one from now on
        #[arg(long, value_name = "PATH")]
        irita: Option<PathBuf>,
    },
    /// Switch every machine off and end it; the world stays on disk
    #[command(after_help = "Example:\n  consortium cloud down")]
    Down,
    /// Where it is
    #[command(after_help = "Example:\n  consortium cloud status")]
    Status,
    /// Offer a simulated world on a loopback port to any AWS client, until it is told to end
    ///
    /// The founder's stack is deployed in it. An access key id of 12 digits is the root of that account, the founder's is 111122223333; the secret is
    /// not looked at. Virtual time goes a hundred times as fast as real time while executions run and for a minute after each change, as fast as real
    /// time while somebody only looks, and stands when nobody asks.
    #[command(
        after_help = "Examples:\n  consortium cloud serve --port 4570\n  AWS_ACCESS_KEY_ID=111122223333 AWS_SECRET_ACCESS_KEY=any AWS_REGION=us-east-1 aws --endpoint-url http://127.0.0.1:4570 stepfunctions describe-execution --execution-arn ARN\n  consortium --home scratch cloud serve --fault RunInstances#1=lost"
    )]
    Serve {
        /// Port; 0 = any that is free
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// A fault on purpose: <Action>#<nth>=<Code>|lost|twice|died or <node>:ssm=never|vote=mute|pull=fail (repeatable)
        #[arg(long = "fault", value_name = "FAULT")]
        faults: Vec<String>,
    },
    /// What `up` runs in the background
    #[command(hide = true)]
    Run,
}
