//! The verbs, one file each. Every one is safe to call again: an op that was answered is answered from the journal.

mod adopt_identity;
pub(crate) mod by_hand;
mod check_blocks;
mod check_genesis;
mod check_health;
pub(crate) mod check_identity;
mod look;
mod make_gentx;
mod prepare;
mod root_act;
mod service;
mod sign_certificates;
mod start;

use crate::host::Host;
use crate::journal;
use crate::layout::Layout;
use domain::order::{ANSWER_MAX, NodeAnswer, NodeOrder, OrderNode, is_reading};
use domain::{Class, Fault, fault, ids};
use serde_json::{Value, json};

/// A fault's message may have this many characters: escaped, it still fits [`ANSWER_MAX`].
const MESSAGE_MAX: usize = 900;

/// What a verb works with.
pub(crate) struct Job<'a, H: Host> {
    pub host: &'a H,
    pub order: NodeOrder,
    /// This node, as the order names it.
    pub node: OrderNode,
    /// The image that the member's own stack names; no order can name another.
    pub image: &'a str,
    /// Where things lie on this machine.
    pub at: Layout,
}

impl<H: Host> Job<'_, H> {
    /// A parameter of the verb.
    pub fn param<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, Fault> {
        fault::parse(name, self.order.params.get(name).cloned().unwrap_or(Value::Null))
    }

    /// Pulls the stack's image and gives its digest.
    pub async fn pull(&self) -> Result<String, Fault> {
        let help = "is the image's name in the member's stack right, and does the machine reach its registry?";
        self.host.pull(self.image).await.map_err(|f| Fault::new(Class::NotFound, format!("{}; {help}", f.message)))
    }

    /// Key of an exchange object of a node, whosever it is.
    pub fn key(&self, node: &str, name: &str) -> String {
        let of = self.order.nodes.iter().find(|n| n.name == node).map(|n| n.member.as_str()).filter(|m| !m.is_empty());
        ids::exchange_key(&self.order.network, &self.order.execution, of.unwrap_or(&self.order.member), node, name)
    }

    /// Puts one public thing for the others and gives its hash. "Already there" must be the same bytes.
    pub async fn put(&self, name: &str, bytes: &[u8]) -> Result<String, Fault> {
        let key = self.key(&self.node.name, name);
        let (bucket, region) = (&self.order.bucket, &self.order.region);
        if !self.host.put_object(bucket, region, &key, bytes).await? && self.host.get_object(bucket, region, &key).await?.as_deref() != Some(bytes) {
            return Err(Fault::new(Class::Conflict, format!("{key} is there with other content")));
        }
        Ok(ids::sha256_hex(bytes))
    }

    /// Reads an object and refuses it unless it has the given hash.
    pub async fn get(&self, key: &str, sha256: &str) -> Result<Vec<u8>, Fault> {
        let found = self.host.get_object(&self.order.bucket, &self.order.region, key).await?;
        let bytes = found.ok_or_else(|| Fault::new(Class::NotFound, format!("{key} is not there")))?;
        if ids::sha256_hex(&bytes) != sha256 {
            return Err(Fault::new(Class::Conflict, format!("{key} does not have the hash that the order names")));
        }
        Ok(bytes)
    }

    /// Passphrase of the operator's keyring, as a line.
    pub fn passphrase(&self) -> Result<String, Fault> {
        look::passphrase(self.host)
    }

    /// A file that must be there, as text.
    pub fn text(&self, path: &str) -> Result<String, Fault> {
        let bytes = self.host.read(path)?.ok_or_else(|| Fault::new(Class::NotFound, format!("{path} is missing")))?;
        String::from_utf8(bytes).map_err(|_| Fault::internal(format!("{path} is not text")))
    }
}

/// Carries out one order (base64url JSON) with the image of the member's stack, and gives the answer that goes to stdout.
pub async fn run<H: Host>(host: &H, order: &str, image: &str) -> NodeAnswer {
    match attempt(host, order, image).await {
        Ok(answer) => answer,
        Err((node, mut fault)) => {
            // Whatever irita printed, the answer must fit a command's output.
            fault.message = fault.message.chars().take(MESSAGE_MAX).collect();
            NodeAnswer { node, result: Value::Null, fault: Some(fault) }
        }
    }
}

async fn attempt<H: Host>(host: &H, order: &str, image: &str) -> Result<NodeAnswer, (String, Fault)> {
    let unnamed = |f| (String::new(), f);
    let order = NodeOrder::decode(order).map_err(unnamed)?;
    // The same command may be delivered twice, and a person may type beside a machine. Who only looks need not wait.
    let _held = if is_reading(&order.verb) { None } else { Some(host.lock().await.map_err(unnamed)?) };
    let me = host.instance().await.map_err(unnamed)?;
    let node = order.nodes.iter().find(|n| n.instance == me.id).cloned();
    let node = node.ok_or_else(|| unnamed(Fault::new(Class::InvalidInput, format!("`nodes`: {} is not among them", me.id))))?;
    let name = node.name.clone();
    carry_out(Job { host, order, node, image, at: Layout::of(host) }).await.map_err(|f| (name, f))
}

async fn carry_out<H: Host>(job: Job<'_, H>) -> Result<NodeAnswer, Fault> {
    let host = job.host;
    let reading = is_reading(&job.order.verb);
    if job.order.verb == "prepare" {
        // Journal and pins live on the identity volume, so it comes first.
        prepare::mount_volumes(&job).await?;
    } else if job.order.verb == "adopt-identity" {
        // It mounts, too; what was answered before is known only after that, and repeating it is safe.
        let result = adopt_identity::run(&job).await?;
        return Ok(NodeAnswer { node: job.node.name.clone(), result, fault: None });
    } else if !reading {
        check_identity::mounted(host).await?;
    }
    if !reading {
        journal::check_order(host, &job.order, &job.node.name)?;
        if let Some(answer) = journal::answered(host, &job.order.op)? {
            return Ok(answer);
        }
    }
    let result = match job.order.verb.as_str() {
        "prepare" => prepare::run(&job).await?,
        "sign-certificates" => sign_certificates::run(&job).await?,
        "make-gentx" => make_gentx::run(&job).await?,
        "check-genesis" => check_genesis::run(&job).await?,
        "start" => start::run(&job).await?,
        "check-blocks" => check_blocks::run(&job).await?,
        "sign-act" => root_act::sign(&job).await?,
        "pass-act" => root_act::pass(&job).await?,
        "start-service" | "restart-service" => service::start(&job).await?,
        "stop-service" => service::stop(&job).await?,
        "change-config" => service::change_config(&job).await?,
        "check-health" => check_health::run(&job).await?,
        "list-keys" => look::list_keys(&job).await?,
        "read-log" => look::read_log(&job).await?,
        "read-config" => look::read_config(&job).await?,
        other => return Err(Fault::field("verb", format!("`{other}` is unknown"), "\"prepare\"")),
    };
    let answer = NodeAnswer { node: job.node.name.clone(), result, fault: None };
    let length = json!(answer).to_string().len();
    if length > ANSWER_MAX {
        return Err(Fault::internal(format!("an answer of {length} characters does not fit a command's output")));
    }
    if !reading {
        journal::remember(host, &job.order.op, &answer)?;
    }
    Ok(answer)
}
