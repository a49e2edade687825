//! What a person may ask of a cloud. The same work is carried out in this process (simulated machines) or by the background
//! cloud (machines that are processes); what it says goes to an [`Out`].

use crate::commands;
use crate::out::Out;
use crate::session::Session;
use domain::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What every workflow takes.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, Serialize, Deserialize)]
pub struct Options {
    /// One JSON object and nothing else on stdout
    #[arg(long)]
    pub json: bool,
    /// A fault on purpose: <Action>#<nth>=<Code>|lost|twice|died or <node>:ssm=never|vote=mute|pull=fail|image=other|disk=missing|disk=foreign|dies=preparing (repeatable)
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<String>,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "kebab-case")]
pub enum Work {
    /// `launch`.
    Launch {
        /// The request.
        request: Value,
        /// Stop after plan and price.
        plan: bool,
        /// Options.
        options: Options,
    },
    /// `status`.
    Status {
        /// Network.
        network: String,
        /// One JSON object.
        json: bool,
    },
    /// `invite`.
    Invite {
        /// Who, and to what.
        invitation: commands::members::Invitation,
        /// One JSON object.
        json: bool,
    },
    /// `join`.
    Join {
        /// The link.
        link: String,
        /// The account in whose console it is opened.
        account: String,
        /// One JSON object.
        json: bool,
    },
    /// `members`.
    Members {
        /// One JSON object.
        json: bool,
    },
    /// `revoke`.
    Revoke {
        /// Member.
        name: String,
    },
    /// `doctor`.
    Doctor {
        /// Network; `None` = all.
        network: Option<String>,
        /// What the command found wrong or right in the home folder.
        before: Vec<commands::doctor::Check>,
        /// One JSON list.
        json: bool,
    },
    /// `remove`.
    Remove {
        /// Network.
        network: String,
        /// Keep the data volumes.
        keep_data: bool,
        /// Options.
        options: Options,
    },
    /// `start`, `stop`, `restart`, `config set`, `unjail`: changes nodes, through the machine `operate-nodes`.
    Operate {
        /// Network.
        network: String,
        /// As `plan-operation` knows it.
        verb: String,
        /// Nodes; empty = all.
        targets: Vec<String>,
        /// What the verb needs.
        params: Value,
        /// A chain of one to three validators may be stopped whole.
        whole_stop: bool,
        /// Options.
        options: Options,
    },
    /// `health`, `logs`, `keys`, `config get`: looks at nodes, through the machine `run-node-command`.
    Look {
        /// Network.
        network: String,
        /// As nodectl knows it.
        verb: String,
        /// Nodes; empty = all.
        targets: Vec<String>,
        /// What the verb needs.
        params: Value,
        /// One JSON object.
        json: bool,
    },
}

impl Work {
    /// Whether one JSON object is wanted.
    pub fn json(&self) -> bool {
        match self {
            Work::Launch { options, .. } | Work::Remove { options, .. } | Work::Operate { options, .. } => options.json,
            Work::Status { json, .. }
            | Work::Invite { json, .. }
            | Work::Join { json, .. }
            | Work::Members { json }
            | Work::Doctor { json, .. }
            | Work::Look { json, .. } => *json,
            Work::Revoke { .. } => false,
        }
    }

    /// Carries it out; gives the exit code.
    pub async fn run(&self, session: &Session, out: &Out) -> Result<u8, Fault> {
        match self {
            Work::Launch { request, plan, options } => commands::launch::run(session, request, *plan, options, out).await,
            Work::Status { network, json } => commands::status::run(session, network, *json, out).await,
            Work::Invite { invitation, json } => commands::members::invite(session, invitation, *json, out).await,
            Work::Join { link, account, json } => commands::members::join(session, link, account, *json, out).await,
            Work::Members { json } => Ok(commands::members::list(session, *json, out)),
            Work::Revoke { name } => commands::members::revoke(session, name, out).await,
            Work::Doctor { network, before, json } => commands::doctor::run(session, network.as_deref(), before, *json, out).await,
            Work::Remove { network, keep_data, options } => commands::remove::run(session, network, *keep_data, options, out).await,
            Work::Operate { network, verb, targets, params, whole_stop, options } => {
                let input = serde_json::json!({"network": network, "verb": verb, "targets": targets, "params": params, "whole_stop": whole_stop});
                commands::operate::run(session, network, input, options, out).await
            }
            Work::Look { network, verb, targets, params, json } => commands::look::run(session, network, verb, targets, params, *json, out).await,
        }
    }
}
