//! `sim`: plays a cluster under a seed. See `sim --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sim::main()
}
