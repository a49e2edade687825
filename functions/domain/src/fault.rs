//! The closed set of failures, and what each left behind. Its names are the error names of every state machine.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why something failed; one error name `Fault.<Class>` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, PartialOrd, Ord)]
pub enum Class {
    /// The input is wrong; a person must change it. Nothing was called.
    InvalidInput,
    /// What was asked about does not exist.
    NotFound,
    /// Somebody else holds it, or it exists and is not ours, or the order is of an older epoch.
    Conflict,
    /// A policy refused the call.
    Denied,
    /// An account limit; a person must raise it.
    Quota,
    /// The zone has no such machine now; another type or zone may have.
    Capacity,
    /// Called too often; the same call may pass later.
    Throttled,
    /// The thing is changing; the same call passes once it has settled.
    Busy,
    /// No answer, or the service's own error; what happened is unknown.
    Transient,
    /// The undo itself failed; what is left is listed.
    Orphaned,
    /// A defect of ours, or a code nobody has classified yet.
    Internal,
}

impl Class {
    /// Every class, in the order of the documentation.
    pub const ALL: [Class; 11] = [
        Class::InvalidInput,
        Class::NotFound,
        Class::Conflict,
        Class::Denied,
        Class::Quota,
        Class::Capacity,
        Class::Throttled,
        Class::Busy,
        Class::Transient,
        Class::Orphaned,
        Class::Internal,
    ];

    /// The error name that Step Functions matches.
    pub fn error_name(self) -> String {
        format!("Fault.{self:?}")
    }

    /// The class of an error name such as `Fault.Capacity`.
    pub fn from_error_name(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|c| c.error_name() == name)
    }
}

/// What a failure left in the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Left {
    /// Nothing was changed.
    #[default]
    Nothing,
    /// These resources exist, by id.
    Resources(Vec<String>),
    /// The answer was lost: look before believing anything.
    Unknown,
}

/// A failure with its class, what to do about it, and what it left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Why.
    pub class: Class,
    /// What happened and what to do, in words for a person.
    pub message: String,
    /// What exists because of the attempt.
    #[serde(default)]
    pub left: Left,
}

impl Fault {
    /// A fault that left nothing behind.
    pub fn new(class: Class, message: impl Into<String>) -> Fault {
        Fault { class, message: message.into(), left: Left::Nothing }
    }

    /// `InvalidInput` that names the field, the reason and a valid example.
    pub fn field(field: &str, reason: impl fmt::Display, example: impl fmt::Display) -> Fault {
        Fault::new(Class::InvalidInput, format!("`{field}`: {reason}; for example {example}"))
    }

    /// A defect of ours.
    pub fn internal(message: impl Into<String>) -> Fault {
        Fault::new(Class::Internal, message)
    }

    /// The same fault with what it left.
    pub fn leaving(mut self, left: Left) -> Fault {
        self.left = left;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.left {
            Left::Nothing => Ok(()),
            Left::Resources(ids) => write!(f, " (left: {})", ids.join(", ")),
            Left::Unknown => write!(f, " (left: unknown, look before you repeat)"),
        }
    }
}

impl std::error::Error for Fault {}

/// Reads a JSON value into a type; a mismatch is `InvalidInput` that says where.
pub fn parse<T: serde::de::DeserializeOwned>(what: &str, value: serde_json::Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|e| Fault::new(Class::InvalidInput, format!("`{what}`: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_read_back() {
        for class in Class::ALL {
            assert_eq!(Class::from_error_name(&class.error_name()), Some(class));
        }
        assert_eq!(Class::from_error_name("Fault.Other"), None);
    }
}
