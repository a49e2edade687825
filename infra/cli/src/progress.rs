//! The phases of a workflow on the screen: on a terminal one live line with what is finished above it, elsewhere plain lines.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::time::Duration;

/// How often the live line moves; slower than a terminal draws, so that nothing flickers.
const TICK: Duration = Duration::from_millis(120);

/// A finished phase, or any phase where nobody watches.
pub fn line(seconds: f64, text: &str) -> String {
    format!("  {seconds:>7.1} s  {text}")
}

/// What is on the screen. It never hides the cursor, and takes its line away whatever ends it.
pub struct Display {
    live: bool,
    shown: Option<(ProgressBar, String)>,
}

impl Drop for Display {
    fn drop(&mut self) {
        self.end();
    }
}

impl Display {
    /// Live if standard output is a terminal that can move its cursor.
    pub fn of_stdout() -> Display {
        Display { live: !ProgressDrawTarget::stdout().is_hidden(), shown: None }
    }

    /// A phase begins, and with it the one before has ended. `real` = time goes on while nothing is said.
    pub fn begin(&mut self, seconds: f64, text: &str, real: bool) {
        if !self.live {
            println!("{}", line(seconds, text));
            return;
        }
        self.end();
        let elapsed = move |state: &ProgressState, to: &mut dyn Write| {
            let more = if real { state.elapsed().as_secs_f64() } else { 0.0 };
            let _ = write!(to, "{:>7.1}", seconds + more);
        };
        // The last frame of a spinner is for finished ones. The message is cut at the terminal's width, so it stays one line.
        let style = ProgressStyle::with_template("{spinner} {elapsed} s  {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout()).with_style(style.with_key("elapsed", elapsed).tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
        bar.set_message(text.to_string());
        bar.enable_steady_tick(TICK);
        self.shown = Some((bar, line(seconds, text)));
    }

    /// Prints something else; the live phase has ended.
    pub fn print(&mut self, print: impl FnOnce()) {
        self.end();
        print();
    }

    /// The live line becomes a finished one.
    pub fn end(&mut self) {
        if let Some((bar, line)) = self.shown.take() {
            bar.finish_and_clear();
            println!("{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_has_no_live_line() {
        let mut display = Display { live: false, shown: None };
        display.begin(1.0, "planning", true);
        assert!(display.shown.is_none());
        assert_eq!(line(44.9, "planning"), "     44.9 s  planning");
    }

    #[test]
    fn the_template_is_well_formed() {
        let mut display = Display { live: true, shown: None };
        display.begin(1.0, "planning", false);
        display.begin(2.0, "starting machines", false);
        assert_eq!(display.shown.as_ref().map(|(_, l)| l.as_str()), Some("      2.0 s  starting machines"));
        assert!(ProgressStyle::with_template("{spinner} {elapsed} s  {wide_msg}").is_ok());
    }
}
