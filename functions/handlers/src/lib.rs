//! One file per function. A handler gets a context and an event, and reads no environment.
//!
//! `hub/` runs beside the state machines, `onboard/` at the edge of both; `launch/`, `chain/`, `peering/` and `remove/` run in a
//! member's account.
//! A function's verb is a promise: `plan-` changes nothing, `ensure-` is safe to repeat, `remove-` is its undo and succeeds on
//! "not there", `check-` is one read, `send-` starts something and returns a handle.

pub mod chain;
pub mod guard;
pub mod hub;
pub mod launch;
pub mod onboard;
pub mod peering;
pub mod remove;

use aws::Clients;
use domain::Fault;
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What a handler may use.
#[derive(Clone)]
pub struct Context {
    /// Clients with the function's role.
    pub aws: Clients,
    /// The function's settings, from the template's `Environment`.
    pub settings: Arc<BTreeMap<String, String>>,
}

impl Context {
    /// A setting that the template must give.
    pub fn setting(&self, name: &str) -> Result<&str, Fault> {
        self.settings.get(name).map(String::as_str).ok_or_else(|| Fault::internal(format!("the template gives no {name} to this function")))
    }
}

/// What a handler gives back.
pub type Answer = Pin<Box<dyn Future<Output = Result<Value, Fault>> + Send>>;
/// A function's code.
pub type Handler = fn(Context, Value) -> Answer;

/// One of a member's functions that the hub may ask: what it refuses is written to the member's own log.
async fn asked<'a, W>(ctx: &'a Context, function: &str, event: Value, work: impl FnOnce(&'a Context, Value) -> W) -> Result<Value, Fault>
where
    W: Future<Output = Result<Value, Fault>>,
{
    let order = event.clone();
    match work(ctx, event).await {
        Err(fault) => Err(guard::log_refusal(ctx, function, &order, fault).await),
        answer => answer,
    }
}

macro_rules! table {
    ($($name:literal => $path:path),* ; asked: $($asked:literal => $work:path),* $(,)?) => {
        /// Every function by its name, which is also its `Handler` in the templates.
        pub const HANDLERS: &[(&str, Handler)] = &[
            $(($name, |ctx, event| Box::pin(async move { $path(&ctx, event).await })),)*
            $(($asked, |ctx, event| Box::pin(async move { asked(&ctx, $asked, event, $work).await })),)*
        ];
    };
}

table! {
    "acquire-lock" => hub::lock::acquire,
    "release-lock" => hub::lock::release,
    "plan-network" => hub::plan::plan,
    "ensure-record" => hub::record::ensure,
    "ask-members" => hub::ask::ask,
    "ensure-genesis" => hub::genesis::ensure,
    "remove-exchange" => hub::exchange::remove,
    "check-leftovers" => hub::settle::leftovers,
    "check-settlement" => hub::settle::check,
    "send-notice" => hub::notice::send,
    "plan-operation" => hub::operation::plan,
    "check-guard" => hub::operation::check_guard,
    "ensure-invitation" => onboard::invitation::ensure,
    "remove-invitation" => onboard::invitation::remove,
    "ensure-member" => onboard::member::ensure,
    "announce-member" => onboard::announce::announce;
    asked:
    "check-member" => launch::member::check,
    "ensure-nodes" => launch::nodes::ensure,
    "check-nodes" => launch::nodes::check,
    "ensure-names" => launch::names::ensure,
    "send-command" => chain::command::send,
    "check-command" => chain::command::check,
    "remove-commands" => chain::command::remove,
    "remove-nodes" => remove::nodes::remove,
    "check-left" => remove::left::check,
    "check-removal" => remove::nodes::check,
    "remove-volumes" => remove::volumes::remove,
    "ensure-rules" => peering::rules::ensure,
    "ensure-peerings" => peering::peerings::ensure,
    "ensure-acceptances" => peering::peerings::accept,
    "ensure-routes" => peering::rules::routes,
    "remove-peerings" => peering::rules::remove,
}

/// Finds a function's code.
pub fn find(name: &str) -> Option<Handler> {
    HANDLERS.iter().find(|(n, _)| *n == name).map(|(_, h)| *h)
}
