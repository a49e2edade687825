//! `nodectl`: see `nodectl::program`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nodectl::program(std::env::args().skip(1).collect())
}
