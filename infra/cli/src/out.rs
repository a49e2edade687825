//! Where a command's words go: to this process's own streams, or through the background cloud to whoever asked.

use domain::{Class, Fault};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One piece of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// A line for standard output.
    Out(String),
    /// A line for standard error.
    Err(String),
    /// The command has ended with this exit code.
    Exit(u8),
}

/// A place for a command's words; cheap to clone.
#[derive(Clone)]
pub struct Out(Arc<dyn Fn(Said) + Send + Sync>);

impl Out {
    /// To this process's own streams.
    pub fn here() -> Out {
        Out::to(|said| match said {
            Said::Out(text) => println!("{text}"),
            Said::Err(text) => eprintln!("{text}"),
            Said::Exit(_) => {}
        })
    }

    /// To wherever a function puts it.
    pub fn to(put: impl Fn(Said) + Send + Sync + 'static) -> Out {
        Out(Arc::new(put))
    }

    /// A line for standard output.
    pub fn line(&self, text: impl Into<String>) {
        (self.0)(Said::Out(text.into()));
    }

    /// Says why a command could not be carried out, and gives its exit code: a bad request is 2, everything else 1.
    pub fn refuse(&self, fault: &Fault, json: bool) -> u8 {
        if json {
            self.line(serde_json::json!({"status": "refused", "error": {"name": fault.class.error_name(), "message": fault.message}}).to_string());
        }
        (self.0)(Said::Err(format!("{}: {fault}", fault.class.error_name())));
        if fault.class == Class::InvalidInput { 2 } else { 1 }
    }

    /// The command has ended.
    pub fn exit(&self, code: u8) {
        (self.0)(Said::Exit(code));
    }
}
