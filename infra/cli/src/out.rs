//! Where a command's words go: to this process's own streams, or through the background cloud to whoever asked; and their language.

use crate::lang::{Key, Lang};
use crate::progress::{self, Display};
use domain::{Class, Fault};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};

/// One piece of output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// A line for standard output.
    Out(String),
    /// A line for standard error.
    Err(String),
    /// A phase has begun: a live line on a terminal, elsewhere a line of standard output.
    Phase {
        /// Seconds since the workflow began.
        seconds: f64,
        /// What is going on.
        text: String,
        /// Whether those are seconds of this computer, so that a terminal may go on counting.
        real: bool,
    },
    /// The command has ended with this exit code.
    Exit(u8),
}

/// A place for a command's words, and the language that they are in; cheap to clone.
#[derive(Clone)]
pub struct Out {
    put: Arc<dyn Fn(Said) + Send + Sync>,
    lang: Lang,
}

impl Out {
    /// To this process's own streams.
    pub fn here() -> Out {
        let display = Mutex::new(Display::of_stdout());
        Out::to(move |said| {
            let mut display = display.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            match said {
                Said::Phase { seconds, text, real } => display.begin(seconds, &text, real),
                Said::Out(text) => display.print(|| println!("{text}")),
                Said::Err(text) => display.print(|| eprintln!("{text}")),
                Said::Exit(_) => display.end(),
            }
        })
    }

    /// To wherever a function puts it.
    pub fn to(put: impl Fn(Said) + Send + Sync + 'static) -> Out {
        Out { put: Arc::new(put), lang: Lang::En }
    }

    /// The same place, in another language.
    pub fn speaking(self, lang: Lang) -> Out {
        Out { lang, ..self }
    }

    /// Its language.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// Passes on what another place said.
    pub fn pass(&self, said: Said) {
        (self.put)(said);
    }

    /// A line for standard output.
    pub fn line(&self, text: impl Into<String>) {
        self.pass(Said::Out(text.into()));
    }

    /// A line of the table of [`crate::lang`].
    pub fn say(&self, key: Key, with: &[&dyn std::fmt::Display]) {
        self.line(self.lang.say(key, with));
    }

    /// A phase has begun.
    pub fn phase(&self, seconds: f64, text: &str, real: bool) {
        self.pass(Said::Phase { seconds, text: text.into(), real });
    }

    /// Says why a command could not be carried out, and gives its exit code: a bad request is 2, everything else 1.
    /// A fault's own words are English; in Chinese a line before them says what kind of fault it is and what to do.
    pub fn refuse(&self, fault: &Fault, json: bool) -> u8 {
        let (name, todo) = (fault.class.error_name(), self.lang.todo(Some(fault.class)));
        if json {
            self.line(serde_json::json!({"status": "refused", "error": {"name": name, "message": fault.message, "todo": todo}}).to_string());
        }
        if self.lang == Lang::Zh {
            self.pass(Said::Err(self.lang.say(Key::RefusedLine, &[&self.lang.class(Some(fault.class)), &todo])));
        }
        self.pass(Said::Err(format!("{name}: {fault}")));
        if fault.class == Class::InvalidInput { 2 } else { 1 }
    }

    /// The command has ended.
    pub fn exit(&self, code: u8) {
        self.pass(Said::Exit(code));
    }
}

/// The lines of what was said, as a pipe has them.
pub fn as_lines(said: &[Said]) -> String {
    let line = |s: &Said| match s {
        Said::Out(text) | Said::Err(text) => format!("{text}\n"),
        Said::Phase { seconds, text, .. } => format!("{}\n", progress::line(*seconds, text)),
        Said::Exit(_) => String::new(),
    };
    said.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(lang: Lang, json: bool) -> Vec<Said> {
        let (send, said) = std::sync::mpsc::channel();
        let out = Out::to(move |s| drop(send.send(s))).speaking(lang);
        assert_eq!(out.refuse(&Fault::field("blocks", "1 to 1000", "10"), json), 2);
        drop(out);
        said.iter().collect()
    }

    #[test]
    fn a_refusal_is_english_and_in_chinese_has_a_line_before_it() {
        let english = refused(Lang::En, false);
        assert_eq!(english, [Said::Err("Fault.InvalidInput: `blocks`: 1 to 1000; for example 10".into())]);
        let chinese = refused(Lang::Zh, false);
        assert!(chinese.len() == 2 && chinese[1] == english[0] && as_lines(&chinese).starts_with("输入有误"), "{chinese:?}");
        assert!(matches!(&refused(Lang::En, true)[0], Said::Out(json) if json.contains("\"todo\":\"change what")));
    }

    #[test]
    fn a_phase_goes_through_a_socket_and_is_a_line_there() {
        let said = Said::Phase { seconds: 44.9, text: "planning".into(), real: true };
        let back: Said = serde_json::from_str(&serde_json::to_string(&said).expect("json")).expect("reads");
        assert_eq!((as_lines(std::slice::from_ref(&back)).as_str(), back == said), ("     44.9 s  planning\n", true));
    }
}
