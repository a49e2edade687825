//! Systems Manager: one command for many nodes, and what became of it.

use crate::Clients;
use crate::classify::fault;
use aws_sdk_ssm::types::{Command, CommandFilter, CommandFilterKey, InstanceInformationStringFilter, PingStatus};
use domain::Fault;

/// One node's part of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// Instance.
    pub instance: String,
    /// `Pending`, `InProgress`, `Success`, `Failed`, ...
    pub status: String,
    /// First 2,500 characters of what it printed.
    pub output: String,
}

impl Clients {
    /// Instances whose agent answers now, of the given ones.
    pub async fn online(&self, instances: &[String]) -> Result<Vec<String>, Fault> {
        let mut online = vec![];
        // The filter takes up to 50 values here; one call for many.
        for part in instances.chunks(50) {
            let filter = InstanceInformationStringFilter::builder().key("InstanceIds").set_values(Some(part.to_vec())).build();
            let filter = filter.map_err(|e| Fault::internal(e.to_string()))?;
            let mut pages = self.ssm.describe_instance_information().filters(filter).max_results(50).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|e| fault("ssm", "DescribeInstanceInformation", e))?;
                let up = page.instance_information_list().iter().filter(|i| i.ping_status() == Some(&PingStatus::Online));
                online.extend(up.filter_map(|i| i.instance_id().map(String::from)));
            }
        }
        Ok(online)
    }

    /// Every command of a document, newest first.
    async fn commands(&self, document: &str) -> Result<Vec<Command>, Fault> {
        let filter = CommandFilter::builder().key(CommandFilterKey::DocumentName).value(document).build();
        let filter = filter.map_err(|e| Fault::internal(e.to_string()))?;
        let mut items = self.ssm.list_commands().filters(filter).max_results(50).into_paginator().items().send();
        let mut found = vec![];
        while let Some(command) = items.next().await {
            found.push(command.map_err(|e| fault("ssm", "ListCommands", e))?);
        }
        Ok(found)
    }

    /// A command with this Comment that is already there. SendCommand has no token, so this look-up is ours.
    pub async fn find_command(&self, document: &str, comment: &str) -> Result<Option<String>, Fault> {
        let commands = self.commands(document).await?;
        Ok(commands.into_iter().find(|c| c.comment() == Some(comment)).and_then(|c| c.command_id))
    }

    /// Sends a command to up to 50 nodes. Its undo is [`Clients::cancel_command`].
    pub async fn send_command(&self, document: &str, comment: &str, instances: Vec<String>, order: &str, seconds: i32) -> Result<String, Fault> {
        // The defaults (50 at once, stop after the first error) would end a launch at its first failure.
        let call = self.ssm.send_command().document_name(document).comment(comment).set_instance_ids(Some(instances));
        let call = call.max_concurrency("100%").max_errors("100%").timeout_seconds(seconds.max(30));
        let call = call.parameters("Order", vec![order.to_string()]);
        let out = call.send().await.map_err(|e| fault("ssm", "SendCommand", e))?;
        out.command().and_then(|c| c.command_id()).map(String::from).ok_or_else(|| Fault::internal("ssm:SendCommand: no command id"))
    }

    /// Where each node is with a command, for all its nodes at once.
    pub async fn invocations(&self, command: &str) -> Result<Vec<Invocation>, Fault> {
        let mut pages = self.ssm.list_command_invocations().command_id(command).details(true).max_results(50).into_paginator().send();
        let mut found = vec![];
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| fault("ssm", "ListCommandInvocations", e))?;
            found.extend(page.command_invocations().iter().map(|i| Invocation {
                instance: i.instance_id().unwrap_or_default().into(),
                status: i.status().map(|s| s.as_str().to_string()).unwrap_or_default(),
                output: i.command_plugins().first().and_then(|p| p.output()).unwrap_or_default().to_string(),
            }));
        }
        Ok(found)
    }

    /// Ids of this document's commands that have not ended and whose Comment starts so.
    pub async fn open_commands(&self, document: &str, comment_prefix: &str) -> Result<Vec<String>, Fault> {
        let open = |c: &Command| {
            let running = matches!(c.status().map(|s| s.as_str()), Some("Pending" | "InProgress" | "Cancelling"));
            running && c.comment().unwrap_or_default().starts_with(comment_prefix)
        };
        Ok(self.commands(document).await?.into_iter().filter(open).filter_map(|c| c.command_id).collect())
    }

    /// Cancels what is left of a command; one that ended is success.
    pub async fn cancel_command(&self, command: &str) -> Result<(), Fault> {
        self.ssm.cancel_command().command_id(command).send().await.map(drop).map_err(|e| fault("ssm", "CancelCommand", e))
    }
}
